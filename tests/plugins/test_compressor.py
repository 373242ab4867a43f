"""Compressor: static curve, times, stereo link."""

import numpy as np
import pedalboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.compressor import Compressor

RATE_HZ = 44_100


def compressed(effect: Compressor, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def sine(level_dbfs: float) -> np.ndarray:
    wave = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)
    return np.asarray(10 ** (level_dbfs / 20) * wave)[None]


def settled_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(2) * np.std(samples[0, RATE_HZ // 2 :])))


@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0, 20.0])
@pytest.mark.parametrize("level_dbfs", [-40.0, -24.0, -20.0, -12.0, -6.0, 0.0])
def test_static_curve(ratio: float, level_dbfs: float) -> None:
    effect = Compressor(threshold_db=-20, ratio=ratio, attack_ms=1, release_ms=200)
    over_db = max(0.0, level_dbfs + 20)
    expected_db = level_dbfs - over_db + over_db / ratio
    assert settled_db(compressed(effect, sine(level_dbfs))) == pytest.approx(expected_db, abs=1)


def test_attack_and_release_take_their_time() -> None:
    level = np.full(2 * RATE_HZ, 0.05)
    level[RATE_HZ // 2 : RATE_HZ] = 1.0
    effect = Compressor(threshold_db=-20, ratio=20, attack_ms=60, release_ms=200)
    gain = compressed(effect, level[None])[0] / level
    at = {ms: gain[RATE_HZ // 2 + ms * RATE_HZ // 1000] for ms in (1, 100)}
    after = {ms: gain[RATE_HZ + ms * RATE_HZ // 1000] for ms in (1, 900)}
    assert at[1] > 0.5
    assert at[100] < 0.15
    assert after[1] < 0.15
    assert after[900] > 0.9


def test_both_sides_turn_down_together() -> None:
    loud, quiet = sine(0), sine(-40)
    out = compressed(Compressor(threshold_db=-20, ratio=4), np.concatenate([loud, quiet]))
    assert out[1] == pytest.approx(0.01 * out[0], abs=1e-6)


def test_mono_is_pedalboards_own_sound() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (1, RATE_HZ)).astype(np.float32)
    theirs = pedalboard.Compressor(-18, 2, 10, 120).process(noise, RATE_HZ)
    assert compressed(Compressor(), noise) == pytest.approx(theirs, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    st.builds(
        Compressor,
        threshold_db=st.floats(-60, 0),
        ratio=st.floats(1, 20),
        attack_ms=st.floats(0.1, 500),
        release_ms=st.floats(5, 2000),
    ),
    st.sampled_from((8000, 22_050, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 5000),
)
def test_any_parameters(effect: Compressor, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames)).astype(np.float32)
    out = compressed(effect, noise, rate_hz)
    assert out.shape == noise.shape
    assert (np.abs(out) <= np.abs(noise) * 1.0001).all()  # it never makes anything louder
    assert np.array_equal(out, compressed(effect, noise, rate_hz))
