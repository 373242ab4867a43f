"""Every shipped preset, rendered by the shipped network, and listened to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from lofigen_kit.analysis import (
    centroid_hz,
    chroma,
    chroma_similarity,
    crest_db,
    drum_f_measure,
    level_dbfs,
    render_score_tones,
    rolloff_hz,
    speed_pct,
    width_db,
    wow_pct,
)
from lofigen_kit.analysis.collapse import examine
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context, Take
from lofigen_kit.dsp.loudness import integrated_lufs, true_peak_dbtp
from lofigen_kit.effects import rack
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import Preset, list_presets, load_preset, make_json_schema
from lofigen_kit.render.result import Rendering
from lofigen_kit.render.take import render
from lofigen_kit.runtime.resources import presets_dir
from lofigen_kit.runtime.seeding import rng_for

PRESETS = sorted(
    path.stem
    for path in presets_dir().glob("*.yaml")
    if "checkpoint: lofi-guided}" in path.read_text()
)
"""Those that a network plays as a mix; test_band_presets.py has the others."""
SESSION = "band-session"
"""The preset that no network plays."""


DEEPER = "mono-deck by conv6"


@pytest.fixture(scope="module", params=[*PRESETS, DEEPER])
def rendering(request: pytest.FixtureRequest) -> Rendering:
    name, _, model = request.param.partition(" by ")
    changes = [f"model.use={model}"] if model else []
    return render(load_preset(name, registry=load_plugins(), overrides=changes), stems=True)


@pytest.fixture(scope="module")
def followed(rendering: Rendering) -> Take:
    """What the network followed, before any effect changed its tempo."""
    source = rendering.preset.source
    return source.make_take(Context(rng_for(rendering.preset.seed, rendering.take, "source")))


def test_there_are_presets() -> None:
    assert PRESETS == ["mono-deck"]


def test_length_channels_and_rate_are_exact(rendering: Rendering) -> None:
    score, audio = rendering.score, rendering.audio
    assert score.duration_s == pytest.approx(score.bars * 4 * 60 / score.tempo_bpm)
    assert audio.sample_rate_hz == rendering.preset.output.sample_rate_hz == 44_100
    # A change of speed rounds once more.
    assert abs(audio.frames - score.duration_s * 44_100) <= 1
    assert audio.channels == 2


def test_loudness_and_true_peak_are_the_masters(rendering: Rendering) -> None:
    master = rendering.preset.master
    assert rendering.target_unreached is None
    assert integrated_lufs(rendering.audio) == pytest.approx(master.loudness_lufs, abs=0.1)
    assert true_peak_dbtp(rendering.audio) <= master.true_peak_dbtp + 0.01


def test_what_is_heard_is_what_the_network_sampled(rendering: Rendering, followed: Take) -> None:
    assert rendering.preset.dry_mix == 0
    assert rendering.network_sha256 is not None
    played, plain = rendering.stems["model"].mono(), followed.audio
    size = min(played.frames, plain.frames) // 2
    assert not np.allclose(played.samples[0, :size], plain.samples[0, :size], atol=1e-3)


def test_the_network_plays_the_score(rendering: Rendering, followed: Take) -> None:
    played, plain = rendering.stems["model"], followed.audio
    for drum in ("kick", "snare"):
        ceiling = drum_f_measure(plain, followed.score, drum)
        assert ceiling >= 0.9
        assert drum_f_measure(played, followed.score, drum) >= 0.8 * ceiling
    assert chroma_similarity(chroma(played), chroma(plain)) >= 0.9


def test_the_network_keeps_its_level_and_does_not_collapse(
    rendering: Rendering, followed: Take
) -> None:
    played, plain = rendering.stems["model"], followed.audio
    assert examine(played) == []
    ratio_db = 20 * np.log10(played.samples.std() / plain.samples.std())
    assert abs(ratio_db) < 2


def test_the_finished_beat_still_has_its_strokes(rendering: Rendering) -> None:
    assert drum_f_measure(rendering.audio, rendering.score, "snare") >= 0.7


@pytest.mark.parametrize(
    "rendering",
    [*PRESETS, pytest.param(DEEPER, marks=pytest.mark.slow)],
    indirect=True,
)
def test_the_same_take_again_is_the_same_bit_for_bit(rendering: Rendering) -> None:
    again = render(rendering.preset)
    np.testing.assert_array_equal(again.audio.samples, rendering.audio.samples)


# The band, by its own instruments and by networks that know fewer parts and drums


@pytest.fixture(scope="module")
def session() -> Rendering:
    changes = ["source.plan=null", "source.sections=intro 2, a 4, b 2, outro 2"]
    preset = load_preset(SESSION, registry=load_plugins(), overrides=changes)
    return render(preset, stems=True)


def test_the_session_is_the_band_in_parts(session: Rendering) -> None:
    assert session.network_sha256 is None
    assert session.played_mix is None
    parts = [f"parts.{name}" for name in ("drums", "keys", "bass", "lead")]
    assert list(session.stems)[:5] == [*parts, "source"]
    mix = np.zeros_like(session.stems["source"].samples)
    for part in parts:
        samples = session.stems[part].samples
        mix[:, : samples.shape[1]] += samples
    np.testing.assert_array_equal(mix, session.stems["source"].samples)


def test_the_session_is_wide_bright_and_ends(session: Rendering) -> None:
    mix = session.stems["source"]
    assert -14 < width_db(mix) < -4
    spectrum = np.abs(np.fft.rfft(mix.mono().samples[0])) ** 2
    hz = np.fft.rfftfreq(mix.frames, 1 / mix.sample_rate_hz)
    assert 10 * np.log10(spectrum[(hz > 4000) & (hz < 8000)].sum() / spectrum.sum()) > -34
    end = AudioBuffer(session.audio.samples[:, -2205:], 44_100)
    assert level_dbfs(end) < level_dbfs(session.audio) - 30


@pytest.mark.parametrize("model", ["conv4", pytest.param("conv6", marks=pytest.mark.slow)])
def test_a_network_for_mixes_plays_what_it_can_of_the_band(model: str) -> None:
    """It has channels for keys, bass, and kick, snare and hat, which stand for all six drums."""
    changes = ["source.use=band", "source.bars=4", "source.feel=boom-bap", f"model.use={model}"]
    preset = load_preset("mono-deck", registry=load_plugins(), overrides=changes)
    rendering = render(preset, stems=True)
    take = preset.source.make_take(Context(rng_for(preset.seed, 0, "source")))
    played = rendering.stems["model"]
    assert examine(played) == []
    assert drum_f_measure(played, take.score, "kick") >= 0.7
    known = take.score.model_copy(
        update={"notes": tuple(n for n in take.score.notes if n.part in ("keys", "bass"))}
    )
    written = chroma(render_score_tones(known, played.frames, played.sample_rate_hz))
    assert chroma_similarity(chroma(played), written) >= 0.7


RATE_HZ = 44_100
GRID = BeatGrid(tempo_bpm=120.0)
DURATION_S = 12.0
FIRST_S, LATE_S = 7.0, 8.0
"""Where pocket-radio begins to open, at 3.5 bars, and from where it is open."""
TONE_HZ = 1000.0

PROMISES: dict[str, dict[str, tuple[float, float]]] = {
    # A mono deck: the old network's 8 kHz through a cassette.
    "mono-deck": {
        "centroid_octaves": (-3.0, -1.0),
        "wow_pct": (0.3, 0.7),
        "floor_dbfs": (-61.0, -59.0),
    },
    # Warm cassette, slow wow, a little hiss.
    "lofi-tape": {
        "centroid_octaves": (-2.5, -1.0),
        "wow_pct": (0.3, 0.7),
        "floor_dbfs": (-63.0, -61.0),
    },
    # A warm record in a room, crackling, on a table that is not quite flat.
    "vinyl-cafe": {
        "centroid_octaves": (-2.0, -0.7),
        "wow_pct": (0.2, 0.35),
        "floor_dbfs": (-42.0, -36.0),
        "floor_crest_db": (15.5, 40.0),
    },
    # Pitched up, sampled at 26 kHz and 12 bits, pitched down again.
    "sp404-crush": {
        "mirror_db": (-30.0, -15.0),
        "rolloff_octaves": (-2.0, -0.5),
    },
    # Dark, wide and far away, with rain on the window.
    "rainy-study": {
        "centroid_octaves": (-3.0, -1.0),
        "width_db": (3.0, 12.0),
        "crest_db": (-4.0, -1.0),
        "floor_dbfs": (-42.0, -36.0),
    },
    # Slowed, and drowned in a long reverb.
    "slowed-reverb": {
        "pitch_cents": (-282.0, -278.0),
        "length": (1.17, 1.18),
        "tail_s": (2.5, 6.0),
    },
    # Dark and unsteady, on flat batteries.
    "worn-walkman": {
        "centroid_octaves": (-4.0, -2.0),
        "wow_pct": (1.1, 2.5),
        "floor_dbfs": (-49.0, -47.0),
    },
    # Quick, and bright for a tape; the compressor lets each stroke through.
    "late-train": {
        "crest_db": (2.0, 6.0),
        "wow_pct": (0.1, 0.3),
        "floor_dbfs": (-73.0, -71.0),
    },
    # Begins in a small radio and opens up.
    "pocket-radio": {
        "low_hz": (300.0, 800.0),
        "rolloff_octaves": (-3.0, -1.0),
        "opening_octaves": (1.0, 3.0),
        "floor_dbfs": (-59.0, -57.0),
    },
    # A room, and a record that crackles a little.
    "brush-trio": {"tail_s": (1.0, 3.0), "floor_crest_db": (25.0, 50.0)},
    # Opens slowly.
    "first-light": {"opening_octaves": (0.7, 2.0), "rolloff_octaves": (-3.0, -1.0)},
    # Bright and small, on a tape.
    "kalimba-garden": {"wow_pct": (0.2, 0.5), "tail_s": (0.3, 1.0)},
    # A wide night.
    "night-drive": {"width_db": (0.8, 3.0), "tail_s": (0.6, 2.0)},
    # A music box, unwinding, in a large room.
    "lullaby": {
        "wow_pct": (0.4, 0.9),
        "tail_s": (2.0, 5.0),
        "centroid_octaves": (-2.0, -0.7),
        "floor_dbfs": (-61.0, -59.0),
    },
}
"""What each preset's description says, as the least and the most of each of its features."""


def test_every_preset_has_its_promises() -> None:
    assert {*PROMISES, SESSION} == set(list_presets())


def times_s() -> np.ndarray:
    return np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ


def struck() -> AudioBuffer:
    """Return pink noise that is struck on every other beat, over what never falls silent."""
    rng = np.random.default_rng(5)
    size = len(times_s())
    frequencies_hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    tilt = (frequencies_hz > 20) / np.sqrt(np.maximum(frequencies_hz, 20))
    middle, left, right = np.fft.irfft(np.fft.rfft(rng.standard_normal((3, size))) * tilt, size)
    strokes = np.exp(-(times_s() % (2 * GRID.beat_s)) / 0.08) + 0.03
    noise = np.stack([middle + 0.3 * left, middle + 0.3 * right]) * strokes
    return AudioBuffer(0.08 * noise / noise.std(), RATE_HZ)


def tone(frequency_hz: float) -> AudioBuffer:
    wave = 0.25 * np.sin(2 * np.pi * frequency_hz * times_s())
    return AudioBuffer(np.stack([wave, wave]), RATE_HZ)


def part(audio: AudioBuffer, start_s: float, end_s: float) -> AudioBuffer:
    first, last = (round(time_s * RATE_HZ) for time_s in (start_s, end_s))
    return audio.with_samples(audio.samples[:, first:last])


@dataclass(frozen=True)
class Heard:
    """What a preset's effects make of sounds, without its network and its master."""

    preset: Preset

    def through(self, audio: AudioBuffer, *, tail: bool = False) -> AudioBuffer:
        def context(stage: str) -> Context:
            return Context(rng_for(self.preset.seed, 0, stage), grid=GRID, root=self.preset.root)

        for _, heard in rack.process_whole(
            self.preset.effects, audio, context, loop=False, tail=tail
        ):
            audio = heard
        return audio

    @cached_property
    def struck(self) -> AudioBuffer:
        return self.through(struck())

    @cached_property
    def first(self) -> AudioBuffer:
        return part(self.struck, 0, FIRST_S)

    @cached_property
    def tone(self) -> AudioBuffer:
        return self.through(tone(TONE_HZ))

    @cached_property
    def idle(self) -> AudioBuffer:
        return self.through(AudioBuffer(np.zeros((2, len(times_s()))), RATE_HZ))


DRY = Heard(load_preset("mono-deck").model_copy(update={"effects": ()}))


def tail_s(heard: Heard) -> float:
    """Return how long two seconds sound on after their end."""
    dry = part(struck(), 0, 2.0)
    whole, cut = (heard.through(dry, tail=tail) for tail in (True, False))
    return whole.duration_s - cut.duration_s


def pitch_cents(heard: Heard) -> float:
    return float(1200.0 * np.log2(1.0 + speed_pct(heard.tone, TONE_HZ).mean() / 100.0))


def pump_db(heard: Heard) -> float:
    """Return how far a tone's level goes up and down within four seconds."""
    frames = part(heard.tone, 2.0, 6.0).mono().samples[0].reshape(200, -1)
    levels = 10.0 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1))
    return float(np.quantile(levels, 0.98) - np.quantile(levels, 0.02))


def mirror_db(heard: Heard) -> float:
    """Return how loud a tone's mirror image is, for a rate of 26.04 kHz a fourth higher."""
    frequency_hz = 7000.0
    image_hz = 26_040 * 2 ** (-5 / 12) - frequency_hz
    wave = heard.through(tone(frequency_hz)).mono().samples[0].astype(np.float64)
    power = np.abs(np.fft.rfft(wave * np.blackman(len(wave)))) ** 2
    line, image = (
        power[round((f - 1) * DURATION_S) : round((f + 1) * DURATION_S)].sum()
        for f in (frequency_hz, image_hz)
    )
    return float(10.0 * np.log10(image / line))


def octaves(after: float, before: float) -> float:
    return float(np.log2(after / before))


FEATURES: dict[str, Callable[[Heard], float]] = {
    "centroid_octaves": lambda heard: octaves(centroid_hz(heard.first), centroid_hz(DRY.first)),
    "rolloff_octaves": lambda heard: octaves(rolloff_hz(heard.first), rolloff_hz(DRY.first)),
    "low_hz": lambda heard: rolloff_hz(heard.first, 0.15),
    "opening_octaves": lambda heard: octaves(
        rolloff_hz(part(heard.struck, LATE_S, DURATION_S)), rolloff_hz(heard.first)
    ),
    "crest_db": lambda heard: crest_db(heard.first) - crest_db(DRY.first),
    "width_db": lambda heard: width_db(heard.first) - width_db(DRY.first),
    "wow_pct": lambda heard: wow_pct(heard.tone, TONE_HZ),
    "pitch_cents": pitch_cents,
    "length": lambda heard: heard.struck.duration_s / DURATION_S,
    "tail_s": tail_s,
    "floor_dbfs": lambda heard: level_dbfs(heard.idle),
    "floor_crest_db": lambda heard: crest_db(heard.idle),
    "pump_db": pump_db,
    "mirror_db": mirror_db,
}
"""Measures; those in octaves, of crest and of width are of struck noise beside itself before."""


@pytest.mark.parametrize(
    ("name", "feature"), [(name, feature) for name, all_ in PROMISES.items() for feature in all_]
)
def test_the_effects_do_what_the_description_says(
    heard: dict[str, Heard], name: str, feature: str
) -> None:
    least, most = PROMISES[name][feature]
    assert least <= FEATURES[feature](heard[name]) <= most
    if feature != "floor_crest_db":  # of silence there is none
        assert not least <= FEATURES[feature](DRY) <= most, "without effects, it would be kept too"


@pytest.fixture(scope="module")
def heard() -> dict[str, Heard]:
    return {name: Heard(load_preset(name)) for name in PROMISES}


def test_editors_find_the_schema_of_what_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOFIGEN_PLUGIN_DIR", raising=False)
    registry = load_plugins()
    if any(plugin.origin != "builtin" for plugin in registry.plugins):
        pytest.skip("other packages bring components of their own")
    kept = json.loads((presets_dir() / "schema.json").read_text())
    assert kept == make_json_schema(registry), (
        "run `lofigen-kit chain schema > presets/schema.json`"
    )
    for path in presets_dir().glob("*.yaml"):
        assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")
