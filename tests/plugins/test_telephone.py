"""Telephone: the edges of its band, and its presence."""

import numpy as np
import pytest
from scipy.optimize import brentq

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.telephone import Telephone

RATE_HZ = 44_100


def gain_db(effect: Telephone, frequency_hz: float, rate_hz: int = RATE_HZ) -> float:
    """Return the response at one frequency, from the impulse response."""
    context = Context(rng=np.random.default_rng(0))
    click = AudioBuffer(np.eye(1, rate_hz), rate_hz)
    impulse = effect.apply(click, context).samples[0].astype(np.float64)
    turn = -2j * np.pi * frequency_hz / rate_hz
    return float(20 * np.log10(abs(impulse @ np.exp(turn * np.arange(rate_hz)))))


@pytest.mark.parametrize(("low_hz", "high_hz"), [(300, 3400), (150, 7000)])
def test_three_decibels_down_at_both_edges(low_hz: float, high_hz: float) -> None:
    effect = Telephone(low_hz=low_hz, high_hz=high_hz, presence_db=0)
    for edge_hz in (low_hz, high_hz):
        corner_hz = brentq(
            lambda f: gain_db(effect, f) + 10 * np.log10(2), 0.9 * edge_hz, 1.1 * edge_hz, rtol=1e-4
        )
        assert corner_hz == pytest.approx(edge_hz, rel=0.01)


def test_the_bass_and_the_treble_are_gone() -> None:
    assert gain_db(Telephone(), 75) < -45
    assert gain_db(Telephone(), 13_600) < -45


def test_presence_stands_out_as_far_as_asked() -> None:
    with_it, without = (gain_db(Telephone(presence_db=db), 2000) for db in (9, 0))
    assert with_it - without == pytest.approx(9, abs=0.01)


def test_at_a_low_sample_rate_the_band_just_begins() -> None:
    effect = Telephone(presence_db=0)
    assert gain_db(effect, 2900, 6000) == pytest.approx(0, abs=0.01)
    assert gain_db(effect, 300, 6000) == pytest.approx(-3.01, abs=0.05)
