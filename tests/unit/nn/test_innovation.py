"""The noise in a recording: white, at a constant level, and whatever colour it had."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.nn.linear_prediction import (
    INNOVATION_PEAK,
    compute_innovation,
)

RATE = 24_000


def _measure_correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("colour", [[1.0], [1.0, 0.9], [1.0, -0.9, 0.4]])
def test_coloured_fading_noise_becomes_white_noise_of_deviation_1(colour: list[float]) -> None:
    rng = np.random.default_rng(1)
    white = rng.standard_normal(RATE)
    envelope = np.exp(-np.arange(RATE) / (0.5 * RATE))
    found = compute_innovation(0.1 * envelope * signal.lfilter(colour, [1.0], white), rng)
    assert found.std() == pytest.approx(1.0, abs=0.03)
    lags = [_measure_correlation(found[k:], found[:-k]) for k in range(1, 20)]
    assert np.abs(lags).max() < 0.05
    assert np.abs(found).max() <= INNOVATION_PEAK
    assert _measure_correlation(found, white) > 0.9


def test_a_tone_and_silence_have_none_of_their_own() -> None:
    time_s = np.arange(RATE) / RATE
    for wave in (np.zeros(RATE), 0.3 * np.sin(2 * np.pi * 220 * time_s)):
        one = compute_innovation(wave, np.random.default_rng(1))[1000:-1000]
        other = compute_innovation(wave, np.random.default_rng(2))[1000:-1000]
        assert abs(_measure_correlation(one, other)) < 0.05
        assert one.std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("frames", [0, 1, 255, 256, 257, 700, 1000])
def test_it_is_as_long_as_the_sound(frames: int) -> None:
    sound = np.random.default_rng(3).standard_normal(frames).astype(np.float32)
    found = compute_innovation(sound, np.random.default_rng(4))
    assert found.shape == (frames,)
    assert np.isfinite(found).all()
