"""Equaliser: where and by how much its three controls lift."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.eq import Eq

RATE_HZ = 44_100
GAINS_DB = (-24.0, -6.0, 6.0, 24.0)


def toned(effect: Eq, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def gain_db(effect: Eq, frequency_hz: float) -> float:
    """Return the response at one frequency, from the impulse response."""
    impulse = toned(effect, np.eye(1, RATE_HZ))[0].astype(np.float64)
    turn = -2j * np.pi * frequency_hz / RATE_HZ
    return float(20 * np.log10(abs(impulse @ np.exp(turn * np.arange(RATE_HZ)))))


def half_gain_hz(effect: Eq, gain: float, low_hz: float, high_hz: float) -> float:
    found = brentq(lambda f: gain_db(effect, f) - gain / 2, low_hz, high_hz, rtol=1e-4)
    return float(found)


@pytest.mark.parametrize("gain", GAINS_DB)
def test_the_bass_has_its_gain_and_half_of_it_at_its_corner(gain: float) -> None:
    effect = Eq(low_hz=250, low_db=gain)
    assert half_gain_hz(effect, gain, 200, 300) == pytest.approx(250, rel=0.01)
    assert gain_db(effect, 10) == pytest.approx(gain, abs=0.2)
    assert gain_db(effect, 8000) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("gain", GAINS_DB)
def test_the_treble_has_its_gain_and_half_of_it_at_its_corner(gain: float) -> None:
    effect = Eq(high_hz=4000, high_db=gain)
    assert half_gain_hz(effect, gain, 3500, 4500) == pytest.approx(4000, rel=0.01)
    assert gain_db(effect, 20_000) == pytest.approx(gain, abs=0.2)
    assert gain_db(effect, 200) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("gain", GAINS_DB)
@pytest.mark.parametrize("q", [0.7, 4.0])
def test_the_band_has_its_gain_and_its_width(gain: float, q: float) -> None:
    effect = Eq(peak_hz=1000, peak_db=gain, peak_q=q)
    assert gain_db(effect, 1000) == pytest.approx(gain, abs=0.01)
    lower, upper = (half_gain_hz(effect, gain, *span) for span in ((50, 999), (1001, 5000)))
    assert 1000 / (upper - lower) == pytest.approx(q, rel=0.02)


def test_boost_and_cut_undo_each_other() -> None:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 20_000)).astype(np.float32)
    boosted = toned(Eq(low_db=9, peak_db=-7, high_db=5), noise)
    assert toned(Eq(low_db=-9, peak_db=7, high_db=-5), boosted) == pytest.approx(noise, abs=1e-6)


def test_at_rest_it_passes_everything_bit_for_bit() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 20_000)).astype(np.float32)
    assert np.array_equal(toned(Eq(), noise), noise)


@settings(deadline=None, max_examples=60)
@given(
    st.builds(
        Eq,
        low_hz=st.floats(20, 2000),
        low_db=st.floats(-24, 24),
        peak_hz=st.floats(20, 20_000),
        peak_db=st.floats(-24, 24),
        peak_q=st.floats(0.1, 20),
        high_hz=st.floats(500, 20_000),
        high_db=st.floats(-24, 24),
    ),
    st.sampled_from((44_100, 48_000, 96_000)),
)
def test_any_parameters_ring_no_longer_than_they_say(effect: Eq, rate_hz: int) -> None:
    burst = np.random.default_rng(1).uniform(-1, 1, (1, 1000))
    heard = round(effect.tail_s * rate_hz)
    out = toned(effect, np.pad(burst, ((0, 0), (0, heard + 1000))), rate_hz)
    loudest = max(1.0, float(np.abs(out).max()))
    assert loudest < 1000
    assert np.abs(out[0, 1000 + heard :]).max() < 1e-4 * loudest
