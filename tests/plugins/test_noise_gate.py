"""Noise gate: static curve, times, stereo link."""

import numpy as np
import pedalboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.noise_gate import NoiseGate

RATE_HZ = 44_100


def gated(effect: NoiseGate, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def sine(level_dbfs: float) -> np.ndarray:
    wave = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)
    return np.asarray(10 ** (level_dbfs / 20) * wave)[None]


def settled_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(2) * np.std(samples[0, RATE_HZ // 2 :].astype(np.float64))))


@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("level_dbfs", [-46.0, -42.0, -38.0, -20.0, 0.0])
def test_static_curve(ratio: float, level_dbfs: float) -> None:
    effect = NoiseGate(threshold_db=-40, ratio=ratio)
    expected_db = level_dbfs + min(0.0, (ratio - 1) * (level_dbfs + 40))
    assert settled_db(gated(effect, sine(level_dbfs))) == pytest.approx(expected_db, abs=1)


def test_attack_and_release_take_their_time() -> None:
    level = np.full(3 * RATE_HZ, 0.003)
    level[RATE_HZ // 2 : RATE_HZ] = 1.0
    effect = NoiseGate(threshold_db=-40, ratio=10, attack_ms=60, release_ms=300)
    gain = gated(effect, level[None])[0] / level
    at = {ms: gain[RATE_HZ // 2 + ms * RATE_HZ // 1000] for ms in (0, 100)}
    after = {ms: gain[RATE_HZ + ms * RATE_HZ // 1000] for ms in (1, 1900)}
    assert at[0] < 0.1
    assert at[100] == pytest.approx(1, abs=1e-6)
    assert after[1] == pytest.approx(1, abs=1e-6)
    assert after[1900] < 0.1


def test_both_sides_open_together() -> None:
    loud, quiet = sine(0), sine(-60)
    both = np.concatenate([loud, quiet])
    opened = gated(NoiseGate(), both)
    assert opened[:, RATE_HZ // 2 :] == pytest.approx(both[:, RATE_HZ // 2 :], abs=1e-6)
    assert np.abs(gated(NoiseGate(), quiet)).max() < 1e-5


def test_mono_is_pedalboards_own_sound_across_blocks() -> None:
    rng = np.random.default_rng(0)
    loudness = np.repeat([0.3, 0.0005, 0.1, 0.002], RATE_HZ // 2)
    noise = (rng.normal(0, 1, 2 * RATE_HZ) * loudness)[None].astype(np.float32)
    theirs = pedalboard.NoiseGate(-40, 4, 1, 100).process(noise, RATE_HZ, len(noise[0]))
    ours = gated(NoiseGate(threshold_db=-40, ratio=4), noise)
    assert ours == pytest.approx(theirs, abs=1e-6)
    quiet = slice(RATE_HZ - 4000, RATE_HZ)
    assert np.std(ours[0, quiet]) < 0.1 * np.std(noise[0, quiet])


@settings(deadline=None, max_examples=40)
@given(
    st.builds(
        NoiseGate,
        threshold_db=st.floats(-100, 0),
        ratio=st.floats(1, 20),
        attack_ms=st.floats(0.1, 500),
        release_ms=st.floats(5, 2000),
    ),
    st.sampled_from((8000, 22_050, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: NoiseGate, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames)).astype(np.float32)
    out = gated(effect, noise, rate_hz)
    assert out.shape == noise.shape
    assert (np.abs(out) <= np.abs(noise) * 1.0001).all()  # it never makes anything louder
    assert np.array_equal(out, gated(effect, noise, rate_hz))
