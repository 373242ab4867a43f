"""High-pass: its corner, its slope, and how long it rings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.highpass import Highpass

ORDERS = (2, 4, 6, 8)


def filtered(effect: Highpass, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def gain_db(effect: Highpass, frequency_hz: float, rate_hz: int) -> float:
    """Return the response at one frequency, from the impulse response."""
    impulse = filtered(effect, np.eye(1, rate_hz), rate_hz)[0].astype(np.float64)
    turn = -2j * np.pi * frequency_hz / rate_hz
    return float(20 * np.log10(abs(impulse @ np.exp(turn * np.arange(rate_hz)))))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("cutoff_hz", "rate_hz"), [(40, 44_100), (6000, 44_100), (3500, 8000)])
def test_three_decibels_down_at_the_cutoff(order: int, cutoff_hz: float, rate_hz: int) -> None:
    effect = Highpass.model_validate({"cutoff_hz": cutoff_hz, "order": order})
    corner_hz = brentq(
        lambda f: gain_db(effect, f, rate_hz) + 10 * np.log10(2), 0.9 * cutoff_hz, 1.1 * cutoff_hz,
        rtol=1e-4,
    )  # fmt: skip
    assert corner_hz == pytest.approx(cutoff_hz, rel=0.01)


@pytest.mark.parametrize("order", ORDERS)
def test_six_decibels_an_octave_for_each_order(order: int) -> None:
    effect = Highpass.model_validate({"cutoff_hz": 800, "order": order})
    octave_db = gain_db(effect, 300, 48_000) - gain_db(effect, 150, 48_000)
    assert octave_db == pytest.approx(6.02 * order, rel=0.02)
    assert gain_db(effect, 12_000, 48_000) == pytest.approx(0, abs=0.01)


def test_nothing_is_left_below_a_cutoff_above_all_there_is() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 999))
    assert not filtered(Highpass(cutoff_hz=4000), noise, 8000).any()


@pytest.mark.parametrize("order", ORDERS)
def test_it_rings_no_longer_than_it_says(order: int) -> None:
    effect = Highpass.model_validate({"cutoff_hz": 20, "order": order})
    noise = np.random.default_rng(0).uniform(-1, 1, (1, 2 * 44_100))
    noise[:, 44_100:] = 0
    out = np.abs(filtered(effect, noise, 44_100)[0])
    rung = 44_100 + round(effect.tail_s * 44_100)
    assert out[44_100 : 44_100 + 100].max() > 1e-3
    assert out[rung:].max() < 1e-4


@settings(deadline=None, max_examples=40)
@given(
    st.builds(Highpass, cutoff_hz=st.floats(20, 20_000), order=st.sampled_from(ORDERS)),
    st.sampled_from((8000, 22_050, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: Highpass, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    out = filtered(effect, noise, rate_hz)
    assert out.shape == noise.shape
    assert np.abs(out).max(initial=0) < 4
    assert np.array_equal(out, filtered(effect, noise, rate_hz))
