"""Tape hiss: level, slope, independence, seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.tape_hiss import TapeHiss

RATE_HZ = 44_100


def hissed(
    effect: TapeHiss, samples: np.ndarray, rate_hz: int = RATE_HZ, seed: int = 0
) -> np.ndarray:
    context = Context(rng=np.random.default_rng(seed))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


@pytest.mark.parametrize("slope_db_oct", [-6.0, -3.0, 0.0, 3.0, 6.0])
@pytest.mark.parametrize("level_dbfs", [-70.0, -40.0])
def test_level_and_slope(level_dbfs: float, slope_db_oct: float) -> None:
    effect = TapeHiss(level_dbfs=level_dbfs, slope_db_oct=slope_db_oct)
    noise = hissed(effect, np.zeros((2, 20 * RATE_HZ))).astype(np.float64)
    assert 20 * np.log10(np.std(noise, axis=1)) == pytest.approx(level_dbfs, abs=0.5)
    frequencies_hz, density = signal.welch(noise, RATE_HZ, nperseg=16_384)
    band = (frequencies_hz > 100) & (frequencies_hz < 16_000)
    octaves = np.log2(frequencies_hz[band])
    # A fit over octaves, not over hertz: weights of 1/f.
    slopes = [np.polyfit(octaves, 10 * np.log10(d[band]), 1, w=frequencies_hz[band] ** -0.5)[0]
              for d in density]  # fmt: skip
    assert slopes == pytest.approx([slope_db_oct] * 2, abs=0.3)


def test_channels_are_independent_and_the_sound_is_untouched() -> None:
    tone = 0.5 * np.sin(np.arange(5 * RATE_HZ) * 0.05) * np.ones((2, 1))
    noise = hissed(TapeHiss(level_dbfs=-40), tone) - tone
    assert abs(np.corrcoef(noise)[0, 1]) < 0.02
    assert 20 * np.log10(np.std(noise)) == pytest.approx(-40, abs=0.1)


def test_another_seed_is_another_tape() -> None:
    silence = np.zeros((1, 1000))
    first, again, other = (hissed(TapeHiss(), silence, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(deadline=None, max_examples=40)
@given(
    st.builds(TapeHiss, level_dbfs=st.floats(-120, -12), slope_db_oct=st.floats(-12, 12)),
    st.sampled_from((8000, 22_050, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 5000),
)
def test_any_parameters(effect: TapeHiss, rate_hz: int, channels: int, frames: int) -> None:
    out = hissed(effect, np.zeros((channels, frames)), rate_hz)
    assert out.shape == (channels, frames)
    assert np.isfinite(out).all()
    assert np.array_equal(out, hissed(effect, np.zeros((channels, frames)), rate_hz))
