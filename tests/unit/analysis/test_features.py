"""Features: each read from a sound of which it is known."""

from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.analysis import (
    centroid_hz,
    crest_db,
    level_dbfs,
    rolloff_hz,
    speed_pct,
    width_db,
    wow_pct,
)
from lofigen_kit.audio.buffer import AudioBuffer

RATE_HZ = 44_100
TIMES_S = np.arange(4 * RATE_HZ) / RATE_HZ


def noise(channels: int = 1) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 0.1, (channels, 4 * RATE_HZ))


def swaying(depth_pct: float, rate_hz: float, tone_hz: float = 1000.0) -> np.ndarray:
    """Return a tone whose speed deviates as a sine."""
    lead_s = -depth_pct / 100 / (2 * np.pi * rate_hz) * np.cos(2 * np.pi * rate_hz * TIMES_S)
    return np.asarray(0.5 * np.sin(2 * np.pi * tone_hz * (TIMES_S + lead_s)))[None]


def test_white_noise_has_its_middle_and_its_shares_where_they_are() -> None:
    white = AudioBuffer(noise(), RATE_HZ)
    assert centroid_hz(white) == pytest.approx(RATE_HZ / 4, rel=0.01)
    assert rolloff_hz(white) == pytest.approx(0.85 * RATE_HZ / 2, rel=0.01)
    assert rolloff_hz(white, 0.1) == pytest.approx(0.1 * RATE_HZ / 2, rel=0.02)


def test_a_sine_stands_at_its_frequency_and_3_db_under_its_peak() -> None:
    sine = AudioBuffer(swaying(0, 1), RATE_HZ)
    assert centroid_hz(sine) == pytest.approx(1000, rel=0.01)
    assert level_dbfs(sine) == pytest.approx(-9.03, abs=0.01)
    assert crest_db(sine) == pytest.approx(3.01, abs=0.01)


def test_silence_has_no_level() -> None:
    assert level_dbfs(AudioBuffer(np.zeros((1, 100)), RATE_HZ)) == -np.inf


def test_width_is_the_difference_beside_the_sum() -> None:
    left, right = noise(2)
    assert width_db(AudioBuffer(np.stack([left, right]), RATE_HZ)) == pytest.approx(0, abs=0.1)
    assert width_db(AudioBuffer(np.stack([left, left]), RATE_HZ)) == -np.inf
    narrow = np.stack([left + 0.1 * right, left - 0.1 * right])
    assert width_db(AudioBuffer(narrow, RATE_HZ)) == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize(("depth_pct", "rate_hz"), [(0.1, 0.5), (2.0, 1.0), (0.3, 9.0)])
def test_wow_is_read_through_noise(depth_pct: float, rate_hz: float) -> None:
    hissing = AudioBuffer(swaying(depth_pct, rate_hz) + 1e-4 * noise(), RATE_HZ)
    assert wow_pct(hissing, 1000) == pytest.approx(depth_pct, rel=0.03)


@pytest.mark.parametrize("semitones", [-2.8, 0.0, 1.5])
def test_a_transposed_tone_is_off_by_its_interval(semitones: float) -> None:
    ratio = 2 ** (semitones / 12)
    speed = speed_pct(AudioBuffer(swaying(0, 1, 1000 * ratio), RATE_HZ), 1000)
    assert speed == pytest.approx(100 * (ratio - 1), abs=0.01)
