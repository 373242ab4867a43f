"""Every shipped preset, rendered by the shipped network, and listened to."""

from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.analysis import chroma, chroma_similarity, drum_f_measure
from lofigen_kit.audio import AudioBuffer
from lofigen_kit.chain import Rendering, render
from lofigen_kit.components import Context, Take
from lofigen_kit.doctor import examine
from lofigen_kit.dsp.loudness import integrated_lufs, true_peak_dbtp
from lofigen_kit.plugins import load_plugins
from lofigen_kit.preset import load_preset
from lofigen_kit.resources import presets_dir
from lofigen_kit.seeding import stream

PRESETS = sorted(path.stem for path in presets_dir().glob("*.yaml"))


DEEPER = "lofi-tape by conv6"


@pytest.fixture(scope="module", params=[*PRESETS, DEEPER])
def rendering(request: pytest.FixtureRequest) -> Rendering:
    name, _, model = request.param.partition(" by ")
    changes = [f"model.use={model}"] if model else []
    return render(load_preset(name, registry=load_plugins(), overrides=changes), stems=True)


def followed(rendering: Rendering) -> Take:
    """Return what the network followed, before any effect changed its tempo."""
    source = rendering.preset.source
    return source.make_take(Context(stream(rendering.preset.seed, rendering.take, "source")))


def reference(rendering: Rendering) -> AudioBuffer:
    """Return the plain rendering of the score that the network followed."""
    return followed(rendering).audio


def test_there_are_presets() -> None:
    assert "lofi-tape" in PRESETS


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


def test_what_is_heard_is_what_the_network_sampled(rendering: Rendering) -> None:
    assert rendering.preset.dry_mix == 0
    assert rendering.network_sha256 is not None
    played, plain = rendering.stems["model"].mono(), reference(rendering)
    size = min(played.frames, plain.frames) // 2
    assert not np.allclose(played.samples[0, :size], plain.samples[0, :size], atol=1e-3)


def test_the_network_plays_the_score(rendering: Rendering) -> None:
    played, plain = rendering.stems["model"], reference(rendering)
    for drum in ("kick", "snare"):
        score = followed(rendering).score
        ceiling = drum_f_measure(plain, score, drum)
        assert ceiling >= 0.9
        assert drum_f_measure(played, score, drum) >= 0.8 * ceiling
    assert chroma_similarity(chroma(played), chroma(plain)) >= 0.9


def test_the_network_keeps_its_level_and_does_not_collapse(rendering: Rendering) -> None:
    played, plain = rendering.stems["model"], reference(rendering)
    assert examine(played) == []
    ratio_db = 20 * np.log10(played.samples.std() / plain.samples.std())
    assert abs(ratio_db) < 2


def test_the_finished_beat_still_has_its_strokes(rendering: Rendering) -> None:
    assert drum_f_measure(rendering.audio, rendering.score, "snare") >= 0.7


def test_the_same_take_again_is_the_same_bit_for_bit(rendering: Rendering) -> None:
    again = render(rendering.preset)
    np.testing.assert_array_equal(again.audio.samples, rendering.audio.samples)
