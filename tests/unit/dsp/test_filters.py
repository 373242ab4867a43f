"""Filters as others design and run them, and from block to block."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.dsp.filters import BiquadCascade, butterworth, count_feedback_passes


@pytest.mark.parametrize("feedback", [0.1, 0.5, 0.9])
def test_after_so_many_rounds_80_db_are_gone(feedback: float) -> None:
    assert feedback ** count_feedback_passes(feedback) == pytest.approx(1e-4)


@pytest.mark.parametrize("feedback", [0.0, 5e-324, 1e-300])
def test_a_feedback_of_nothing_goes_round_no_more(feedback: float) -> None:
    assert count_feedback_passes(feedback) == 0


@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize(("corner_hz", "rate_hz"), [(20, 96_000), (6000, 44_100), (3900, 8000)])
def test_butterworth_is_scipys(order: int, corner_hz: float, rate_hz: int, high: bool) -> None:
    theirs = signal.butter(order, corner_hz, "high" if high else "low", fs=rate_hz, output="sos")
    frequencies_hz = np.geomspace(10, rate_hz / 2.001, 200)
    responses = [
        signal.sosfreqz(sections, frequencies_hz, fs=rate_hz)[1]
        for sections in (theirs, butterworth(order, corner_hz, rate_hz, high=high))
    ]
    assert responses[1] == pytest.approx(responses[0], rel=1e-6, abs=1e-12)


def test_sections_go_on_where_they_were() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 1000)).astype(np.float32)
    design = butterworth(4, 300, 8000)
    whole, halves = BiquadCascade(2), BiquadCascade(2)
    together = np.concatenate([halves(half, design) for half in np.split(noise, 2, axis=1)], axis=1)
    np.testing.assert_array_equal(whole(noise, design), together)


def test_sections_are_scipys() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 3000)).astype(np.float32)
    for order, corner_hz in ((2, 30), (4, 300), (8, 3000)):
        design = butterworth(order, corner_hz, 44_100)
        expected = signal.sosfilt(design, noise.astype(np.float64))
        np.testing.assert_allclose(BiquadCascade(2)(noise, design), expected, atol=1e-6)
