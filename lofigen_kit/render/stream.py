"""A preset that plays on and on: section after section, bar after bar, in constant memory.

Each section is a take of the source, in the same tempo. One network plays all of them: it is primed
once, before the first, and then reads the bars as they are written, so that a seam is played like
any other bar line. What it plays goes through one rack, whose effects remember what they heard,
and through a master of one gain, which is found by rendering the first section beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import count, tee
from threading import Event
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lofigen_kit.audio.blocks import BLOCK, Blocks, rechunk
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.components.base import Context, Take
from lofigen_kit.components.contracts import Sampler
from lofigen_kit.effects import rack
from lofigen_kit.effects.rack import locate_errors
from lofigen_kit.errors import PresetError
from lofigen_kit.music.score import BeatGrid, Hit, Note, Score
from lofigen_kit.preset.schema import Preset
from lofigen_kit.render.chain import load_network, make_prime, make_stage_context
from lofigen_kit.runtime.device import choose_device
from lofigen_kit.runtime.prefetch import prefetch
from lofigen_kit.runtime.seeding import rng_for

if TYPE_CHECKING:
    from lofigen_kit.engine import CompiledDecoder, TorchDecoder
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.render.live_controls import LiveControls

TimedEvent = TypeVar("TimedEvent", Note, Hit)

STEPS = 2048
"""How much the network plays at once: a quarter of a second."""

CROSSFADE_S = 0.02
"""How long one section of a source's own audio fades over into the next."""

BEATS_PER_BAR = 4


@dataclass(frozen=True)
class Bar:
    """One bar of a stream.

    Attributes:
        take: The section that it belongs to.
        number: Which of the section's bars it is, from 0.
        place: Which of the stream's.
    """

    take: Take
    number: int
    place: int


@dataclass(frozen=True)
class GainMeasurement:
    """What was found out before anything is heard.

    Attributes:
        gain_db: Brings the first section to the preset's loudness, through the limiter.
        speed: How many seconds of sound are made in a second; infinite if there were too few.
    """

    gain_db: float
    speed: float


class StreamRenderer:
    """A preset that plays on and on.

    Args:
        preset: What to play. A tempo that its source would draw for each take is held at the first
            section's: the beat is one.
        device: Where the network plays: `cpu`, `cuda` or `auto`.

    Attributes:
        sound: What comes of it: stereo, at the output's rate.
        grid: Where its beats fall.
        first: The first section.

    Raises:
        InputError: if the preset cannot be used, or cannot go on without an end.
    """

    def __init__(self, preset: Preset, *, device: str = "cpu") -> None:
        _check(preset)
        self._preset = preset
        self._device = choose_device(device)
        self._network = load_network(preset, self._device)
        self.first = self._make_section(0)
        self._preset = _hold_tempo(preset, self.first.score)
        self.sound = AudioFormat(2, None, preset.output.sample_rate_hz)
        self.grid = self.first.score.grid
        _check_section(self.first.score, self.grid, number=0)

    @property
    def preset(self) -> Preset:
        """What is played, its tempo held."""
        return self._preset

    @property
    def network(self) -> Network | None:
        """What plays it, if any does."""
        return self._network

    @property
    def device(self) -> str:
        """Where that plays: `cpu` or `cuda`."""
        return self._device

    @property
    def licences(self) -> dict[str, str]:
        """The terms of the source's audio and of the weights."""
        network = {"model": self._network.licence} if self._network else {}
        return {"source": self.first.licence, **network}

    def measure_gain(self, clock: Callable[[], float]) -> GainMeasurement:
        """Play the first section to nobody, as no hand changes it, and find out what is needed.

        Args:
            clock: Tells the time in seconds, to measure how fast it goes.
        """
        from lofigen_kit.dsp.mastering import compute_master_gain_db
        from lofigen_kit.dsp.streaming_master import remove_dc

        master, frames = self._preset.master, self._frames(self.first.score.bars)
        told: list[tuple[float, int]] = []
        blocks = remove_dc(self._run_effects(), self.sound)
        with locate_errors("master"):
            gain_db = compute_master_gain_db(
                _record_times(truncate_blocks(blocks, frames), clock, told),
                self.sound,
                loudness_lufs=master.loudness_lufs,
                true_peak_dbtp=master.true_peak_dbtp,
            )
        return GainMeasurement(gain_db, _speed(told) / self.sound.sample_rate_hz)

    def render_blocks(
        self, gain_db: float, controls: LiveControls | None = None
    ) -> Generator[np.ndarray]:
        """Yield the finished sound, without an end [shape=(2, frames), dtype=float32].

        Args:
            gain_db: Before the limiter, as a rehearsal found it.
            controls: What a hand changes while it plays.
        """
        from lofigen_kit.dsp.fades import apply_fades
        from lofigen_kit.dsp.streaming_master import limit_peaks, remove_dc

        master = self._preset.master
        heard = remove_dc(self._run_effects(controls), self.sound)
        if master.fade_in_ms:
            heard = apply_fades(heard, self.sound, fade_in_ms=master.fade_in_ms, fade_out_ms=0.0)
        yield from limit_peaks(
            heard, self.sound, gain_db=gain_db, true_peak_dbtp=master.true_peak_dbtp
        )

    def _run_effects(self, controls: LiveControls | None = None) -> Blocks:
        """Yield what is heard after the effects."""
        preset = self._preset

        def known(stage: str) -> Context:
            return make_stage_context(
                preset, 0, stage, self.grid, device=self._device, root=preset.root
            )

        _, blocks = rack.process_stream(
            preset.effects,
            self.sound,
            known,
            self.render_dry(controls),
            tail=False,
            live_controls=controls.stage_controls if controls else None,
        )
        return blocks

    def render_dry(self, controls: LiveControls | None = None) -> Blocks:
        """Yield what is heard before the effects; the network plays in a thread of its own.

        Args:
            controls: What a hand changes.
        """
        pieces = self._mix_dry_sound(controls)
        yield from prefetch(lambda _: next(pieces), count(), Event())

    def _mix_dry_sound(self, controls: LiveControls | None) -> Blocks:
        """Yield the network's sound at the output's rate, the source's, or both."""
        bars, network = self.iterate_bars(controls), self._network
        if network is None:
            yield from self._source(bars)
            return
        dry_mix, rate_hz = self._preset.dry_mix, self.sound.sample_rate_hz
        if not dry_mix:
            yield from self._resample_to_output(self.generate_blocks(bars, controls), network)
            return
        # What nothing guides reads no bars, and would leave all of them to be kept for it.
        read, sounding = tee(bars) if network.spec.guide else (iter(()), bars)
        played = self._resample_to_output(self.generate_blocks(read, controls), network)
        pairs = zip(
            rechunk(played, BLOCK),
            rechunk(self._source(sounding), BLOCK),
            strict=True,
        )
        for ours, theirs in pairs:
            audio, source = (AudioBuffer(samples, rate_hz) for samples in (ours, theirs))
            yield rack.crossfade(audio, source, dry_mix).samples

    def _resample_to_output(self, played: Blocks, network: Network) -> Blocks:
        from lofigen_kit.dsp.resample import resample_blocks

        rates_hz = network.spec.sample_rate_hz, self.sound.sample_rate_hz
        for block in resample_blocks(played, 1, *rates_hz):
            yield np.repeat(block, 2, axis=0)

    def iterate_bars(self, controls: LiveControls | None = None) -> Iterator[Bar]:
        """Yield the bars of all sections; nothing is kept of those that are over."""
        place = count()
        for section in count():
            take = self._get_section(section)
            for number in range(take.score.bars):
                yield Bar(take, number, next(place))
                if controls and controls.take_section_request():
                    break

    def generate_blocks(self, bars: Iterator[Bar], controls: LiveControls | None = None) -> Blocks:
        """Yield what the network plays [shape=(1, STEPS), dtype=float32]."""
        from lofigen_kit.engine import EndlessTrack, GuideReader
        from lofigen_kit.engine.track import check_finite

        network, sampler = self._network, self._preset.sampler
        assert network is not None  # noqa: S101 - whoever calls knows
        assert sampler is not None  # noqa: S101 - there is one where there is a network
        prime = make_prime(self.first, network)
        guide = (
            GuideReader(self._iterate_conditioning(bars, network, len(prime)))
            if network.spec.guide
            else None
        )
        rng = rng_for(self._preset.seed, 0, "sampler")
        with locate_errors(f"sampler {sampler.use}"):
            engine = _make_decoder(network, sampler, self._device)
            engine.prime(EndlessTrack(prime=prime, guide_reader=guide, rng=rng))
        while True:
            with locate_errors(f"sampler {sampler.use}"):
                if controls and controls.sampling_params:
                    engine.set_sampling_params(controls.sampling_params)
                drawn = engine.run(STEPS)
                check_finite(drawn)
            yield drawn

    def _iterate_conditioning(
        self, bars: Iterator[Bar], network: Network, before: int
    ) -> Iterator[np.ndarray]:
        """Yield the guide of the prime, and of each bar."""
        from lofigen_kit.music.conditioning import StreamingConditioning, render_conditioning

        names, rate_hz = network.spec.guide, network.spec.sample_rate_hz
        score = self.first.score
        yield render_conditioning(
            score, names, start=-before, frames=before, sample_rate_hz=rate_hz
        )
        roll = StreamingConditioning(names, rate_hz)
        roll.carry_tail(score)
        for bar in bars:
            first, end = self._find_bar_span(bar.place, rate_hz)
            offset_s = bar.place * self._bar_s - first / rate_hz
            yield roll.render_bar(_extract_bar(bar, self._bar_s, offset_s), end - first)

    def _source(self, bars: Iterator[Bar]) -> Blocks:
        """Yield the source's own audio, which fades from the end of a section into the next.

        A section is a loop, so what sounds before its beginning is its own end.
        """
        from lofigen_kit.dsp.resample import resample_piece

        rate_hz = self.sound.sample_rate_hz
        seam = round(CROSSFADE_S * rate_hz)
        place, waiting = 0, np.zeros((2, 0), np.float32)
        samples = waiting
        for bar in bars:
            if bar.number == 0:
                score = bar.take.score
                whole = resample_piece(
                    bar.take.audio, rate_hz, duration_s=score.duration_s, loop=True
                )
                samples, place = whole.stereo().samples, 0
                waiting = _crossfade_sections(waiting, samples)
            yield waiting
            first, end = self._find_bar_span(bar.place, rate_hz)
            block = samples.take(np.arange(place, place + end - first), axis=1, mode="wrap")
            place += end - first
            yield block[:, :-seam]
            waiting = block[:, -seam:]

    @property
    def _bar_s(self) -> float:
        return BEATS_PER_BAR * self.grid.beat_s

    def _frames(self, bars: int) -> int:
        return self._find_bar_span(bars, self.sound.sample_rate_hz)[0]

    def _find_bar_span(self, place: int, rate_hz: int) -> tuple[int, int]:
        """Return the first sample of a bar and that of the next: roundings do not add up."""
        first, end = (math.floor(bar * self._bar_s * rate_hz) for bar in (place, place + 1))
        return first, end

    def _get_section(self, number: int) -> Take:
        if number == 0:
            return self.first
        take = self._make_section(number)
        _check_section(take.score, self.grid, number=number)
        return take

    def _make_section(self, number: int) -> Take:
        preset = self._preset
        with locate_errors(f"source {preset.source.use}", reads=True):
            known = make_stage_context(
                preset, number, "source", BeatGrid(), device=self._device, root=preset.source_root
            )
            return preset.source.make_take(known)


def _make_decoder(
    network: Network, sampler: Sampler, device: str
) -> CompiledDecoder | TorchDecoder:
    """Return what generates: on a CPU the compiled engine, where it is to be had."""
    if device == "cpu":
        try:
            from lofigen_kit.engine import CompiledDecoder

            return CompiledDecoder(network, sampler)
        except ImportError:  # numba does not know this Python, numpy or machine
            pass
    from lofigen_kit.engine import TorchDecoder

    return TorchDecoder(network, sampler, lanes=1, device=device)


def _check(preset: Preset) -> None:
    """Refuse what needs to know the end.

    Raises:
        PresetError: naming all of it.
    """
    if names := rack.find_whole_sound_stages(preset.effects):
        numbers = dict(zip((n for n, _ in rack.name_stages(preset.effects)), count(), strict=False))
        without = " ".join(f"--set effects.{numbers[name]}.mix=0" for name in names)
        uses = ", ".join(name.removeprefix("effects.").partition("#")[0] for name in names)
        raise PresetError(
            f"{uses}: needs the whole sound, and a stream has no end",
            where=preset.name,
            remedy=f"leave it out: {without}",
        )
    if preset.master.fade_out_ms:
        raise PresetError(
            "a stream has no end to fade out to",
            where="master",
            remedy="leave it out: --set master.fade_out_ms=0",
        )


def _hold_tempo(preset: Preset, score: Score) -> Preset:
    """Return a preset whose source keeps to a tempo, if it would draw one for each take."""
    source = preset.source
    if getattr(source, "tempo_bpm", score.tempo_bpm) is not None:
        return preset
    held = source.model_copy(update={"tempo_bpm": score.tempo_bpm})
    return preset.model_copy(update={"source": held})


def _check_section(score: Score, grid: BeatGrid, *, number: int) -> None:
    """Refuse a take after which the beat would go astray.

    Effects follow one grid from the first bar on. Only loops of whole bars in its tempo keep to it.

    Raises:
        PresetError: saying what the take is instead.
    """
    whole = score.loop and not score.start_s and score.bars > 0
    bars_s = BEATS_PER_BAR * score.bars * score.grid.beat_s
    if not whole or not math.isclose(score.duration_s, bars_s, abs_tol=1e-6):
        raise PresetError(
            "a stream needs loops of whole bars, and the source gives a piece with an end",
            where="source",
            remedy="choose a source that writes bars",
        )
    if score.tempo_bpm != grid.tempo_bpm:
        raise PresetError(
            f"take {number} is at {score.tempo_bpm:g} bpm, the stream at {grid.tempo_bpm:g}: the "
            "beat that effects follow is one",
            where="source",
            remedy="set the source's tempo, as in --set source.tempo_bpm=78",
        )


def _extract_bar(bar: Bar, bar_s: float, offset_s: float) -> Score:
    """Return what begins in a bar, in seconds from the sample in which it begins."""
    score = bar.take.score
    since_s = bar.number * bar_s
    last = bar.number == score.bars - 1

    def moved(events: tuple[TimedEvent, ...]) -> tuple[TimedEvent, ...]:
        return tuple(
            event.model_copy(update={"onset_s": event.onset_s - since_s + offset_s})
            for event in events
            if since_s <= event.onset_s and (last or event.onset_s < since_s + bar_s)
        )

    return score.model_copy(
        update={
            "bars": 1,
            "duration_s": bar_s,
            "loop": False,
            "notes": moved(score.notes),
            "hits": moved(score.hits),
        }
    )


def _crossfade_sections(ending: np.ndarray, following: np.ndarray) -> np.ndarray:
    """Return the end of a section, faded at equal power into what sounds before the next."""
    frames = ending.shape[1]
    if not frames:
        return ending
    angle = 0.5 * np.pi * (np.arange(frames) + 0.5) / frames
    leaving, coming = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    return np.asarray(leaving * ending + coming * following[:, -frames:])


def truncate_blocks(blocks: Blocks, frames: int) -> Generator[np.ndarray]:
    """Yield the beginning of a sound."""
    for block in blocks:
        yield block[:, :frames]
        frames -= block.shape[1]
        if frames <= 0:
            return


def _record_times(
    blocks: Blocks, clock: Callable[[], float], times: list[tuple[float, int]]
) -> Blocks:
    """Yield blocks, and tell when each came and how long it is."""
    for block in blocks:
        times.append((clock(), block.shape[1]))
        yield block


def _speed(told: list[tuple[float, int]]) -> float:
    """Return how many frames a second came after the first block, before which all is set up."""
    elapsed_s = told[-1][0] - told[0][0]
    frames = sum(count for _, count in told[1:])
    return frames / elapsed_s if elapsed_s > 0 else math.inf
