"""Low-pass: its corner, its slope, and what lies above Nyquist."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.lowpass import Lowpass

ORDERS = (2, 4, 6, 8)


def filtered(effect: Lowpass, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def gain_db(effect: Lowpass, frequency_hz: float, rate_hz: int) -> float:
    """Return the response at one frequency, from the impulse response."""
    impulse = filtered(effect, np.eye(1, rate_hz), rate_hz)[0].astype(np.float64)
    turn = -2j * np.pi * frequency_hz / rate_hz
    return float(20 * np.log10(abs(impulse @ np.exp(turn * np.arange(rate_hz)))))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("cutoff_hz", "rate_hz"), [(100, 44_100), (6000, 44_100), (3500, 8000)])
def test_three_decibels_down_at_the_cutoff(order: int, cutoff_hz: float, rate_hz: int) -> None:
    effect = Lowpass.model_validate({"cutoff_hz": cutoff_hz, "order": order})
    corner_hz = brentq(
        lambda f: gain_db(effect, f, rate_hz) + 10 * np.log10(2), 0.8 * cutoff_hz, 1.12 * cutoff_hz,
        rtol=1e-4,
    )  # fmt: skip
    assert corner_hz == pytest.approx(cutoff_hz, rel=0.01)


@pytest.mark.parametrize("order", ORDERS)
def test_six_decibels_an_octave_for_each_order(order: int) -> None:
    effect = Lowpass.model_validate({"cutoff_hz": 200, "order": order})
    octave_db = gain_db(effect, 800, 48_000) - gain_db(effect, 1600, 48_000)
    assert octave_db == pytest.approx(6.02 * order, rel=0.02)
    assert gain_db(effect, 20, 48_000) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("cutoff_hz", [4000, 12_000, 20_000])
def test_a_cutoff_above_all_there_is_passes_everything(cutoff_hz: float) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 999)).astype(np.float32)
    assert np.array_equal(filtered(Lowpass(cutoff_hz=cutoff_hz), noise, 8000), noise)


@settings(deadline=None, max_examples=40)
@given(
    st.builds(Lowpass, cutoff_hz=st.floats(20, 20_000), order=st.sampled_from(ORDERS)),
    st.sampled_from((8000, 22_050, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 5000),
)
def test_any_parameters(effect: Lowpass, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    out = filtered(effect, noise, rate_hz)
    assert out.shape == noise.shape
    assert np.abs(out).max(initial=0) < 4
    assert np.array_equal(out, filtered(effect, noise, rate_hz))
