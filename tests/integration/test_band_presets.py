"""The presets that a network for parts plays, shortened to four bars, and listened to."""

from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.analysis import width_db
from lofigen_kit.analysis.collapse import examine
from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.components.base import Context, Take
from lofigen_kit.corpus.songs import Song, resample_sound
from lofigen_kit.dsp.loudness import integrated_lufs, true_peak_dbtp
from lofigen_kit.evaluation.parts import PartPerformance, measure_part
from lofigen_kit.music.conditioning import plays_parts
from lofigen_kit.nn.checkpoint import load
from lofigen_kit.nn.variant import list_checkpoints
from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import load_preset
from lofigen_kit.render.result import Rendering
from lofigen_kit.render.take import render
from lofigen_kit.runtime.resources import presets_dir
from lofigen_kit.runtime.seeding import rng_for

NAMES = sorted(
    path.stem for path in presets_dir().glob("*.yaml") if "checkpoint: band}" in path.read_text()
)
SONGS = [name for name in NAMES if "form: song" in (presets_dir() / f"{name}.yaml").read_text()]
SHORT = ["source.plan=null", "source.sections=a 2, b 2"]


ALWAYS = ("lofi-tape", "night-drive")
"""A loop and a song that each run of the tests plays; `slow` plays the others too."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow) for name in NAMES],
)
def rendering(request: pytest.FixtureRequest) -> Rendering:
    changes = SHORT if request.param in SONGS else ["source.bars=4"]
    preset = load_preset(request.param, registry=load_plugins(), overrides=changes)
    return render(preset, stems=True)


@pytest.fixture(scope="module")
def followed(rendering: Rendering) -> Take:
    """What the network followed."""
    preset = rendering.preset
    return preset.source.make_take(Context(rng_for(preset.seed, 0, "source")))


@pytest.fixture(scope="module")
def figures(rendering: Rendering, followed: Take) -> dict[str, PartPerformance]:
    measured = {}
    for name, sound in rendering.played.items():
        rate_hz, score = sound.sample_rate_hz, followed.score.solo(name)
        samples = resample_sound(followed.parts[name], followed.score, rate_hz)
        song = Song(samples, score, "test", name, sample_rate_hz=rate_hz, part=name)
        measured[name] = measure_part(song, sound.samples[0][: len(samples)])
    return measured


def test_there_are_loops_and_songs() -> None:
    assert len(NAMES) >= 12
    assert 4 <= len(SONGS) < len(NAMES)


def test_the_shipped_network_plays_parts_wideband() -> None:
    spec = load(list_checkpoints()["conv4-band"]).spec
    assert spec.sample_rate_hz == 24_000
    assert plays_parts(spec.guide)


def test_the_network_plays_all_parts(rendering: Rendering, followed: Take) -> None:
    names = followed.score.part_names
    assert list(rendering.players) == list(names)
    assert list(rendering.played) == list(names)
    assert {sound.sample_rate_hz for sound in rendering.played.values()} == {24_000}
    mix = np.zeros_like(rendering.stems["model"].samples)
    for name in names:
        mix += rendering.stems[f"parts.{name}"].samples
    np.testing.assert_array_equal(mix, rendering.stems["model"].samples)


def test_loudness_and_true_peak_are_the_masters(rendering: Rendering) -> None:
    master = rendering.preset.master
    assert rendering.target_unreached is None
    assert integrated_lufs(rendering.audio) == pytest.approx(master.loudness_lufs, abs=0.1)
    assert true_peak_dbtp(rendering.audio) <= master.true_peak_dbtp + 0.01


def test_nothing_collapses_and_every_part_keeps_its_level(
    rendering: Rendering, figures: dict[str, PartPerformance]
) -> None:
    mix = rendering.played_mix
    assert mix is not None
    assert examine(mix) == []
    for name, figure in figures.items():
        assert abs(figure.level_db) < (5.0 if name == "drums" else 3.5), name


def test_notes_are_those_of_the_score(figures: dict[str, PartPerformance]) -> None:
    for name, figure in figures.items():
        if figure.chroma is not None and figure.chroma_reference is not None:
            assert figure.chroma >= 0.95 * figure.chroma_reference, name
            assert figure.mel_distance_db < 8, name


def test_a_kit_of_samples_sits_under_the_networks_keys() -> None:
    changes = ["source.bars=2", "mixer.drums.by=samples"]
    preset = load_preset("kalimba-garden", registry=load_plugins(), overrides=changes)
    rendering = render(preset)
    assert rendering.players["drums"] == "samples"
    assert "drums" not in rendering.played


def test_strokes_are_those_of_the_score(figures: dict[str, PartPerformance]) -> None:
    """Kicks are sure; hats are told apart less well, and a few kits' snares not at all yet."""
    drums = figures["drums"]
    for name, least in (("kick", 0.7), ("hat", 0.25)):
        assert drums.onsets[name] >= least * drums.onsets_reference[name], name
    assert drums.mel_distance_db < 8


def test_the_mix_is_wide_and_whole_in_mono(rendering: Rendering) -> None:
    mix = rendering.stems["model"]
    assert -18 < width_db(mix) < -4
    mono = AudioBuffer(mix.samples.mean(axis=0, keepdims=True), mix.sample_rate_hz)
    lost_db = 10 * np.log10((mono.samples**2).mean() / (mix.samples**2).mean())
    assert lost_db > -2


def test_there_is_sound_above_five_kilohertz(rendering: Rendering) -> None:
    mono = rendering.stems["model"].mono().samples[0]
    spectrum = np.abs(np.fft.rfft(mono)) ** 2
    hz = np.fft.rfftfreq(len(mono), 1 / 44_100)
    assert 10 * np.log10(spectrum[(hz > 5000) & (hz < 11_000)].sum() / spectrum.sum()) > -40


@pytest.mark.slow
def test_the_same_take_again_is_the_same_bit_for_bit(rendering: Rendering) -> None:
    again = render(rendering.preset)
    np.testing.assert_array_equal(again.audio.samples, rendering.audio.samples)
