"""A stream is what it would be in one piece, and keeps nothing of its past."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field

from lofigen_kit.audio.blocks import BLOCK, rechunk, split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.contracts import Effect, Model, Source
from lofigen_kit.dsp.loudness import integrated_lufs, true_peak_dbtp
from lofigen_kit.dsp.resample import resample
from lofigen_kit.dsp.streaming_master import limit_peaks, remove_dc
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import BlockEffect, LiveParameter, Process
from lofigen_kit.engine import (
    CompiledDecoder,
    EndlessTrack,
    GuideReader,
    TorchDecoder,
    Track,
    generate,
)
from lofigen_kit.errors import PresetError, RenderError
from lofigen_kit.music.conditioning import render_conditioning
from lofigen_kit.music.mix_channels import CHANNELS
from lofigen_kit.music.score import Hit, Note, Part, Score
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import Master, Preset, load_preset
from lofigen_kit.render.chain import MIX, load_network, make_prime
from lofigen_kit.render.live_controls import LiveControls
from lofigen_kit.render.stream import STEPS, StreamRenderer, truncate_blocks
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.dropout import Dropout
from lofigen_kit_plugins.lowpass import Lowpass
from lofigen_kit_plugins.mix import Mix
from lofigen_kit_plugins.sidechain_pump import SidechainPump
from lofigen_kit_plugins.tape_hiss import TapeHiss
from lofigen_kit_plugins.tape_saturation import TapeSaturation
from lofigen_kit_plugins.temperature import Temperature
from lofigen_kit_plugins.time_stretch import TimeStretch
from lofigen_kit_plugins.varispeed import Varispeed
from lofigen_kit_plugins.wow_flutter import WowFlutter
from tests.unit.render.networks import make_small_network

RATE_HZ = 44_100
TEMPO_BPM = 137.0  # no bar of it is a whole number of samples
JAZZ = Part(name="drums", kind="percussive", instrument="jazz")
BAR_S = 240.0 / TEMPO_BPM
NETWORK_HZ = 8000


class Phrases(Source):
    """Notes and strokes that each take draws; some of them ring past its end."""

    use: Literal["phrases"] = "phrases"
    bars: int = 2
    tempo_bpm: float | None = TEMPO_BPM
    loop: bool = True

    def make_take(self, ctx: Context) -> Take:
        tempo_bpm = self.tempo_bpm or float(ctx.rng.integers(120, 180))
        duration_s = self.bars * 240.0 / tempo_bpm
        times_s = np.sort(ctx.rng.uniform(0.0, duration_s, 6))
        notes = [
            Note(part=part, midi=float(ctx.rng.integers(40, 70)), onset_s=at, duration_s=1.3)
            for at, part in zip(times_s, ("chords", "bass") * 3, strict=True)
        ]
        score = Score(
            tempo_bpm=tempo_bpm,
            bars=self.bars,
            duration_s=duration_s,
            loop=self.loop,
            parts=(JAZZ,) if ctx.rng.random() < 0.5 else (),
            notes=tuple(notes),
            hits=tuple(Hit(drum="kick", onset_s=at) for at in times_s[:3]),
        )
        samples = 0.4 * np.sin(
            2 * np.pi * ctx.rng.uniform(100, 300) * np.arange(round(duration_s * 22_050)) / 22_050
        )
        return Take(AudioBuffer(samples[None], 22_050), score, licence="CC0-1.0", title="phrases")


class Guided(Model):
    """Three small convolutions with random weights, which hear the score."""

    use: Literal["guided"] = "guided"

    def load(self, ctx: Context) -> Network:
        return _guided()


@cache
def _guided() -> Network:
    return make_small_network((*CHANNELS, "plays.kit:jazz"), NETWORK_HZ)


EFFECTS: tuple[Effect, ...] = (
    TapeSaturation(mode="hysteresis", oversample=2),
    Lowpass(cutoff_hz=3000.0),
    WowFlutter(),
    Dropout(rate_per_min=60),
    TapeHiss(level_dbfs=-60),
    SidechainPump(),
)


def small(**fields: object) -> Preset:
    whole: dict[str, object] = {
        "version": 1,
        "name": "small",
        "seed": 5,
        "source": Phrases(),
        "model": Guided(),
        "sampler": Temperature(temperature=0.5),
        "effects": EFFECTS,
    }
    return Preset.model_validate({**whole, **fields})


def whole(pieces: Iterator[np.ndarray], frames: int) -> np.ndarray:
    return np.concatenate(list(truncate_blocks(pieces, frames)), axis=1)


def played_in_one_piece(preset: Preset, bars: int) -> np.ndarray:
    """Return what the network plays of some bars, by one call of `generate`."""
    network = load_network(preset)
    assert network is not None
    assert preset.sampler is not None
    endless = StreamRenderer(preset)
    prime = make_prime(endless.first, MIX, network)
    pieces = list(
        islice(endless._iterate_conditioning(endless.iterate_bars(), network, len(prime)), bars + 1)
    )
    guide = np.concatenate(pieces, axis=1)
    track = Track(guide.shape[1] - len(prime), prime, guide, rng_for(preset.seed, 0, "sampler"))
    [audio] = generate(network, preset.sampler, [track])
    return audio[None]


def in_one_piece(preset: Preset, bars: int, gain_db: float) -> np.ndarray:
    """Return the finished sound of some bars: every stage is given all of it before the next."""
    played = AudioBuffer(played_in_one_piece(preset, bars), NETWORK_HZ)
    heard = resample(played, RATE_HZ).stereo().samples
    endless = StreamRenderer(preset)
    for name, effect in rack.name_stages(preset.effects):
        ctx = Context(rng_for(preset.seed, 0, name), endless.grid)
        wet = rack.apply_blocks(effect, AudioFormat(2, None, RATE_HZ), ctx, iter([heard]))
        heard = np.concatenate(list(wet), axis=1)
    level = limit_peaks(
        remove_dc(iter([heard]), endless.sound), endless.sound, gain_db=gain_db,
        true_peak_dbtp=preset.master.true_peak_dbtp,
    )  # fmt: skip
    return np.concatenate(list(level), axis=1)


def test_a_stream_is_the_same_as_in_one_piece_whatever_pieces_are_asked_for() -> None:
    frames = 12 * RATE_HZ
    expected = in_one_piece(small(), bars=10, gain_db=3.0)[:, :frames]
    assert np.abs(expected).max() > 0.05
    for size in (1000, 8192, 50_000):
        pieces = rechunk(StreamRenderer(small()).render_blocks(3.0), size)
        assert np.array_equal(whole(pieces, frames), expected)


def test_effects_that_ask_for_no_length_hear_no_difference_between_a_stream_and_a_piece() -> None:
    effects = (TapeSaturation(), Lowpass(), TapeHiss(), SidechainPump())
    endless = StreamRenderer(small(effects=effects))
    frames = 8 * RATE_HZ
    dry = AudioBuffer(whole(endless.render_dry(), frames + RATE_HZ), RATE_HZ)

    def known(stage: str) -> Context:
        return Context(rng_for(5, 0, stage), endless.grid)

    *_, (_, piece) = rack.process_whole(effects, dry, known, loop=False, tail=False)
    assert np.array_equal(whole(endless._run_effects(), frames), piece.samples[:, :frames])


def test_sections_are_takes_that_ring_into_each_other() -> None:
    preset = small()
    endless = StreamRenderer(preset)
    pieces = list(
        islice(endless._iterate_conditioning(endless.iterate_bars(), _guided(), 100), 1 + 2 * 4)
    )
    guide = np.concatenate(pieces[1:], axis=1)
    scores = [
        preset.source.make_take(Context(rng_for(preset.seed, k, "source"))).score
        for k in (0, *range(4))  # what is primed by is the end of the first
    ]
    late = round(2 * BAR_S * NETWORK_HZ) + 1
    lead_s = late / NETWORK_HZ - 2 * BAR_S  # the second of them begins with a sample
    notes, hits = [], []
    for number, score in enumerate(scores):
        start_s = lead_s + number * 2 * BAR_S
        notes += [n.model_copy(update={"onset_s": n.onset_s + start_s}) for n in score.notes]
        hits += [h.model_copy(update={"onset_s": h.onset_s + start_s}) for h in score.hits]
    one = Score(
        tempo_bpm=TEMPO_BPM, bars=10, duration_s=10 * BAR_S, notes=tuple(notes), hits=tuple(hits)
    )
    frames = round(9 * BAR_S * NETWORK_HZ)
    expected = render_conditioning(one, CHANNELS, start=0, frames=frames, sample_rate_hz=NETWORK_HZ)
    expected = expected[:, late:]
    assert np.abs(expected).max() > 1
    assert (
        np.abs(guide[: len(CHANNELS), : expected.shape[1]] - expected).max() < 2e-3
    )  # where a stroke is cut off
    plays = [piece[-1] for piece in pieces[1:]]
    for number, bar in enumerate(plays):
        assert (bar == (0.25 if scores[1 + number // 2].instruments else 0.0)).all()


def test_bars_begin_where_the_tempo_has_them_however_many_there_were() -> None:
    endless = StreamRenderer(small())
    ends = np.array([endless._find_bar_span(place, NETWORK_HZ)[1] for place in range(100_000)])
    starts = np.array([endless._find_bar_span(place, NETWORK_HZ)[0] for place in range(100_000)])
    assert np.array_equal(starts[1:], ends[:-1])
    exact = np.arange(100_000) * BAR_S * NETWORK_HZ
    assert ((exact - starts >= 0) & (exact - starts < 1)).all()


def test_the_first_section_reaches_its_loudness_and_peaks_stay_below_the_ceiling() -> None:
    preset = small(master=Master(loudness_lufs=-20, true_peak_dbtp=-9), effects=EFFECTS[1:])
    endless = StreamRenderer(preset)
    rehearsal = endless.measure_gain(iter(range(10_000)).__next__)
    first = whole(endless.render_blocks(rehearsal.gain_db), round(2 * BAR_S * RATE_HZ))
    audio = AudioBuffer(first, RATE_HZ)
    assert integrated_lufs(audio) == pytest.approx(-20, abs=0.3)
    assert true_peak_dbtp(audio) <= -9


def test_a_rehearsal_measures_how_fast_it_goes() -> None:
    ticks = iter(range(10_000))
    speed = StreamRenderer(small()).measure_gain(ticks.__next__).speed
    assert speed == pytest.approx(BLOCK / RATE_HZ, rel=0.05)  # a block in every second


def test_without_a_network_the_source_fades_over_its_seams() -> None:
    endless = StreamRenderer(small(model=None, sampler=None, effects=()))
    sound = whole(endless.render_dry(), round(8 * BAR_S * RATE_HZ))
    loops = [resample(endless._get_section(k).audio, RATE_HZ).samples[0] for k in range(4)]
    for number in range(4):
        first = round(2 * number * BAR_S * RATE_HZ)
        inside = slice(RATE_HZ // 2, RATE_HZ)
        here = sound[0, first:][inside]
        assert (
            max(
                np.corrcoef(here, loops[number][inside.start + late :][: len(here)])[0, 1]
                for late in (-1, 0, 1)
            )
            > 0.999
        )
    steps = np.abs(np.diff(sound[0]))
    seams = np.round(np.arange(1, 4) * 2 * BAR_S * RATE_HZ).astype(int)
    for seam in seams:  # 22 ms before, and what the roundings move
        assert steps[seam - 1000 : seam + 10].max() < 1.6 * steps.max(initial=0.0, where=np.abs(
            np.arange(len(steps))[None] - seams[:, None]).min(axis=0) > 2000)  # fmt: skip


def test_dry_mix_lets_the_source_sound_in_time() -> None:
    dry = StreamRenderer(small(dry_mix=1.0)).render_dry()
    source = StreamRenderer(small(model=None, sampler=None)).render_dry()
    frames = 6 * RATE_HZ
    assert np.array_equal(whole(dry, frames), whole(source, frames))


def test_an_unguided_network_plays_on_too(load: Callable[..., Preset]) -> None:
    preset = load("effects.0.mix=0", "effects.1.mix=0", "dry_mix=0.5")
    assert np.isfinite(whole(StreamRenderer(preset).render_dry(), 5 * RATE_HZ)).all()


@pytest.mark.parametrize(
    ("effects", "named"),
    [
        ((Varispeed(),), "varispeed.*--set effects.0.mix=0"),
        ((Lowpass(), TimeStretch(), Varispeed()),
         "time-stretch, varispeed.*--set effects.1.mix=0 --set effects.2.mix=0"),
        ((Mix(branches=((TimeStretch(rate=1.0),),)),), "mix.*effects.0.mix=0"),
    ],
)  # fmt: skip
def test_what_needs_the_whole_sound_is_refused(effects: tuple[Effect, ...], named: str) -> None:
    with pytest.raises(PresetError, match=named):
        StreamRenderer(small(effects=effects))
    dry = tuple(effect.model_copy(update={"mix": 0.0}) for effect in effects)
    StreamRenderer(small(effects=dry))


class AsksForTheLength(BlockEffect):
    """Knows of sounds with an end alone."""

    use: Literal["asks"] = "asks"

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        frames = sound.frames
        return lambda block, _: block / frames


def test_an_effect_that_asks_for_the_length_is_refused_by_name() -> None:
    endless = StreamRenderer(small(effects=(AsksForTheLength(),)))
    with pytest.raises(PresetError, match=r"effects.asks#0: it has to know how long"):
        next(endless._run_effects())


def test_a_sound_without_an_end_tells_no_length() -> None:
    sound = AudioFormat(2, None, RATE_HZ)
    assert sound.endless
    assert not AudioFormat(2, 0, RATE_HZ).endless
    assert replace(sound, channels=1) == AudioFormat(1, None, RATE_HZ)
    for length in ("frames", "duration_s"):
        with pytest.raises(PresetError, match="a stream has no end"):
            getattr(sound, length)
    assert not hasattr(sound, "anything_else")


def test_the_tempo_that_a_source_would_draw_is_held() -> None:
    endless = StreamRenderer(small(source=Phrases(tempo_bpm=None)))
    tempi = {bar.take.score.tempo_bpm for bar in islice(endless.iterate_bars(), 10)}
    assert tempi == {endless.grid.tempo_bpm}
    notes = {bar.take.score.notes for bar in islice(endless.iterate_bars(), 10)}
    assert len(notes) == 5


class Hurries(Phrases):
    """Each take is faster than the last one."""

    use: Literal["hurries"] = "hurries"  # type: ignore[assignment]
    tempo_bpm: float = 120.0

    def make_take(self, ctx: Context) -> Take:
        faster = Phrases(tempo_bpm=120.0 + ctx.rng.integers(1, 50))
        return faster.make_take(ctx)


def test_a_source_that_changes_its_tempo_is_refused() -> None:
    bars = StreamRenderer(small(source=Hurries())).iterate_bars()
    with pytest.raises(PresetError, match=r"source: take 1 is at \d+ bpm, the stream at \d+"):
        list(islice(bars, 3))


def test_a_piece_with_an_end_is_refused() -> None:
    with pytest.raises(PresetError, match="a stream needs loops of whole bars"):
        StreamRenderer(small(source=Phrases(loop=False)))


class Song(Phrases):
    """Tells its score, and cannot be rendered."""

    use: Literal["song"] = "song"  # type: ignore[assignment]
    loop: bool = False

    def make_score(self, ctx: Context) -> Score:
        return Phrases(loop=self.loop).make_take(ctx).score

    def make_take(self, ctx: Context) -> Take:
        raise AssertionError("it was rendered")


def test_a_song_is_refused_before_it_is_rendered() -> None:
    with pytest.raises(PresetError) as refused:
        StreamRenderer(small(source=Song()))
    assert str(refused.value) == (
        "source: a stream needs loops of whole bars, and song gives a piece with an end; choose "
        "the preset of a loop, or let the source write one: see `lofigen-kit plugins show song`"
    )
    with pytest.raises(RenderError, match="it was rendered"):
        StreamRenderer(small(source=Song(loop=True)))


def test_a_fade_out_is_refused_and_a_fade_in_is_heard() -> None:
    with pytest.raises(PresetError, match=r"no end to fade out to; .*master.fade_out_ms=0"):
        StreamRenderer(small(master=Master(fade_out_ms=100)))
    plain, faded = (
        whole(StreamRenderer(small(master=Master(fade_in_ms=ms))).render_blocks(0.0), RATE_HZ)
        for ms in (0, 200)
    )
    assert np.abs(faded[:, :400]).max() < 0.01 * np.abs(plain).max()
    assert np.array_equal(faded[:, RATE_HZ // 4 :], plain[:, RATE_HZ // 4 :])


def test_the_next_section_can_be_asked_for_at_any_bar() -> None:
    controls = LiveControls(small())
    bars = StreamRenderer(small()).iterate_bars(controls)
    seen = []
    for _ in range(6):
        bar = next(bars)
        seen.append((bar.number, bar.place))
        if bar.place == 2:
            controls.request_next_section()
    assert seen == [(0, 0), (1, 1), (0, 2), (0, 3), (1, 4), (0, 5)]


def test_what_nobody_touches_is_the_same_bit_for_bit() -> None:
    frames = 5 * RATE_HZ
    alone = whole(StreamRenderer(small()).render_blocks(3.0), frames)
    held = StreamRenderer(small()).render_blocks(3.0, LiveControls(small()))
    assert np.array_equal(whole(held, frames), alone)


def test_a_turned_cutoff_glides_without_a_click() -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 20 * BLOCK)).astype(np.float32)
    preset = small(effects=(Lowpass(cutoff_hz=8000.0),))
    controls = LiveControls(preset)
    ctx = Context(np.random.default_rng(0))

    def coming() -> Iterator[np.ndarray]:
        for number, block in enumerate(split_blocks(noise)):
            if number == 8:
                controls.knobs["cutoff"].turn(-24)
            yield block

    sound = AudioFormat(2, None, RATE_HZ)
    [(stage, effect)] = rack.name_stages(preset.effects)
    wet = np.concatenate(
        list(
            rack.apply_blocks(
                effect, sound, ctx, coming(), live_control=controls.stage_controls[stage]
            )
        ),
        axis=1,
    )
    dry = np.concatenate(list(rack.apply_blocks(effect, sound, ctx, split_blocks(noise))), axis=1)
    assert controls.knobs["cutoff"].value == pytest.approx(500.0)
    assert np.array_equal(wet[:, : 8 * BLOCK], dry[:, : 8 * BLOCK])
    settled = np.abs(np.fft.rfft(wet[0, 10 * BLOCK :])) ** 2
    hz = np.fft.rfftfreq(10 * BLOCK, 1 / RATE_HZ)
    assert settled[hz > 2000].sum() < 1e-3 * settled.sum()
    assert np.abs(np.diff(wet[0, 8 * BLOCK - 100 :])).max() <= np.abs(np.diff(dry[0])).max()


@pytest.mark.parametrize("primed", [0, 100])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_track_without_an_end_is_read_as_one_that_has_it(primed: int, compiled: bool) -> None:
    network, frames = _guided(), 1500
    rng = np.random.default_rng(0)
    prime = rng.uniform(-0.3, 0.3, primed).astype(np.float32)
    guide = rng.uniform(0, 1, (len(network.spec.guide), primed + frames)).astype(np.float32)
    sampler = Temperature(temperature=0.5)

    def engine() -> CompiledDecoder | TorchDecoder:
        if compiled:
            return CompiledDecoder(network, sampler)
        return TorchDecoder(network, sampler, lanes=1, device="cpu")

    known, coming = engine(), engine()
    known.prime(Track(frames, prime, guide, np.random.default_rng(1)))
    pieces = (guide[:, start : start + 70] for start in range(0, guide.shape[1], 70))
    scroll = GuideReader(pieces)
    coming.prime(EndlessTrack(prime=prime, guide_reader=scroll, rng=np.random.default_rng(1)))
    expected = known.run(1280)
    drawn = [coming.run(steps) for steps in (1, 300, 500, 479)]
    assert np.array_equal(np.concatenate(drawn, axis=1), expected)
    assert scroll._kept.shape[1] < 700


def test_without_the_compiled_engine_it_plays_in_slow_motion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "lofigen_kit.engine.compiled_stream", None)
    monkeypatch.setitem(sys.modules, "lofigen_kit.engine.kernels", None)
    controls = LiveControls(small())
    pieces = StreamRenderer(small()).generate_blocks(
        {MIX: StreamRenderer(small()).iterate_bars()}, controls
    )
    alone = StreamRenderer(small()).generate_blocks({MIX: StreamRenderer(small()).iterate_bars()})
    assert np.array_equal(next(pieces), next(alone))
    controls.knobs["temperature"].turn(-10)
    next(pieces), next(alone)
    assert not np.array_equal(next(pieces), next(alone))


def test_a_turned_temperature_changes_what_is_played_from_there_on() -> None:
    preset = small()
    controls = LiveControls(preset)
    endless = StreamRenderer(preset)
    alone = whole(endless.generate_blocks({MIX: endless.iterate_bars()}), 10 * STEPS)
    pieces = endless.generate_blocks({MIX: endless.iterate_bars()}, controls)
    first = whole(pieces, 5 * STEPS)
    controls.knobs["temperature"].turn(-10)
    then = whole(pieces, 5 * STEPS)
    assert controls.knobs["temperature"].value == 0.0
    assert np.array_equal(first, alone[:, : 5 * STEPS])
    assert not np.array_equal(then, alone[:, 5 * STEPS :])


def test_knobs_end_where_the_effect_does() -> None:
    controls = LiveControls(small())
    assert controls.knobs["drive"].turn(1000) == 24
    assert controls.knobs["cutoff"].turn(-1000) == 20
    assert set(LiveControls(small(effects=(), model=None, sampler=None)).knobs) == set()


class Tremolo(BlockEffect):
    """Another's effect, of which two numbers can be turned."""

    use: Literal["tremolo"] = "tremolo"
    live_parameters: ClassVar = (
        LiveParameter("offset", "drive", step=0.5),
        LiveParameter("level", "level", step_ratio=0.5),
    )
    offset: float = Field(default=0.0, ge=0, le=1)
    level: float = Field(default=1.0, ge=0.1, le=1)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        return lambda block, now: block * np.float32(now.level) + np.float32(now.offset)


def test_the_first_effect_with_a_control_is_turned_whoever_brought_it() -> None:
    tremolo = Tremolo()
    controls = LiveControls(small(effects=(tremolo, TapeSaturation(), Lowpass(mix=0.0))))
    assert set(controls.knobs) == {"temperature", "drive", "level"}
    assert set(controls.stage_controls) == {"effects.tremolo#0"}
    control = controls.stage_controls["effects.tremolo#0"]
    process = tremolo.start(AudioFormat(2, None, RATE_HZ), Context(np.random.default_rng(0)))
    block = np.ones((2, BLOCK), np.float32)
    assert np.array_equal(control(block, tremolo, process), block)
    controls.knobs["drive"].turn(2)
    controls.knobs["level"].turn(1)
    ramp = np.arange(1, BLOCK // rack.CONTROL + 1) * rack.CONTROL / BLOCK
    turned = control(block, tremolo, process)[0, :: rack.CONTROL]
    assert np.allclose(turned, (1.0 - 0.5 * ramp) + ramp)
    controls.knobs["level"].turn(-1)
    turned = control(block, tremolo, process)[0, :: rack.CONTROL]
    assert np.allclose(turned, (0.5 + 0.5 * ramp) + 1.0)
    assert np.allclose(control(block, tremolo, process), 2.0)


MEASURED = """
import sys, numpy as np
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from lofigen_kit.render.stream import StreamRenderer
from test_stream import small, RATE_HZ

def highest():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return line.split()[1]

frames, minutes = 0, [float(m) for m in sys.argv[2:]]
for block in StreamRenderer(small()).render_blocks(0.0):
    frames += block.shape[1]
    if frames >= minutes[0] * 60 * RATE_HZ:
        print(highest(), flush=True)
        minutes.pop(0)
        if not minutes:
            break
"""


def highest_kb(*minutes: float) -> list[int]:
    """Return the most memory that a process needed, in kB, by when it had streamed so long."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(Path(__file__).parent), *map(str, minutes)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [int(line) for line in ran.stdout.split()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's own figures")
def test_memory_does_not_grow_with_the_length() -> None:
    first, then = highest_kb(0.5, 2)
    assert then < first + 16_000  # the sound of what lies between is 32 MB


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's own figures")
def test_memory_does_not_grow_from_minute_two_to_minute_ten() -> None:
    first, then = highest_kb(2, 10)
    assert then < first + 8_000


@pytest.mark.slow
def test_ten_minutes_of_a_shipped_preset_are_the_same_as_in_one_piece() -> None:
    preset = load_preset("lofi-tape", registry=load_plugins())
    frames = 600 * RATE_HZ
    expected = in_one_piece(preset, bars=200, gain_db=6.0)[:, :frames]
    assert expected.shape[1] == frames
    place = 0
    for block in rechunk(
        truncate_blocks(StreamRenderer(preset).render_blocks(6.0), frames), 10_007
    ):
        assert np.array_equal(block, expected[:, place : place + block.shape[1]])
        place += block.shape[1]
    assert place == frames
