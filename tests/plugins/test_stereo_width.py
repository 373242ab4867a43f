"""Stereo width: mono, as it was, wider, and bass in the middle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.stereo_width import StereoWidth

RATE_HZ = 44_100
NOISE = np.random.default_rng(0).uniform(-1, 1, (2, 20_000)).astype(np.float32)


def widened(effect: StereoWidth, samples: np.ndarray) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, RATE_HZ), context).samples


@pytest.mark.parametrize("mono_below_hz", [0.0, 120.0])
def test_without_width_both_sides_are_equal_bit_for_bit(mono_below_hz: float) -> None:
    left, right = widened(StereoWidth(width_pct=0, mono_below_hz=mono_below_hz), NOISE)
    assert np.array_equal(left, right)
    assert left == pytest.approx(NOISE.mean(axis=0), abs=1e-6)


def test_full_width_without_a_filter_changes_nothing() -> None:
    tiny = NOISE * np.array([[1.0], [1e-12]], np.float32)  # of which sums lose everything
    effect = StereoWidth(width_pct=100, mono_below_hz=0)
    assert np.array_equal(widened(effect, tiny), tiny)


@pytest.mark.parametrize("width_pct", [30.0, 200.0])
def test_only_the_difference_is_scaled(width_pct: float) -> None:
    left, right = widened(StereoWidth(width_pct=width_pct, mono_below_hz=0), NOISE)
    assert left - right == pytest.approx(width_pct / 100 * (NOISE[0] - NOISE[1]), abs=1e-6)
    assert left + right == pytest.approx(NOISE[0] + NOISE[1], abs=1e-6)


@pytest.mark.parametrize(("frequency_hz", "left_db"), [(30, -24), (120, -3), (2000, 0)])
def test_bass_comes_to_the_middle(frequency_hz: float, left_db: float) -> None:
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(2 * RATE_HZ) / RATE_HZ)
    left, right = widened(StereoWidth(), np.array([wave, -wave]))[:, RATE_HZ:]
    difference_db = 20 * np.log10(np.std(left - right) / np.std(2 * wave))
    assert difference_db == pytest.approx(left_db, abs=0.2)
    assert left + right == pytest.approx(0, abs=1e-6)


def test_mono_passes_as_it_is() -> None:
    assert np.array_equal(widened(StereoWidth(width_pct=200), NOISE[:1]), NOISE[:1])


@settings(deadline=None, max_examples=30)
@given(
    st.builds(StereoWidth, width_pct=st.floats(0, 200), mono_below_hz=st.floats(0, 500)),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: StereoWidth, frames: int) -> None:
    out = widened(effect, NOISE[:, :frames])
    assert out.shape == (2, frames)
    assert np.abs(out).max(initial=0) < 4
    assert out.sum(axis=0) == pytest.approx(NOISE[:, :frames].sum(axis=0), abs=1e-5)
