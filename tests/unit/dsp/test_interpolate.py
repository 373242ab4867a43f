"""The sinc read: exact on samples, clean between them, quiet at the ends."""

import numpy as np
import pytest

from lofigen_kit.dsp.interpolate import read_at

RATE_HZ = 44_100


def test_whole_positions_are_the_samples() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 500)).astype(np.float32)
    assert read_at(samples, np.arange(500.0)) == pytest.approx(samples, abs=1e-6)


@pytest.mark.parametrize(("frequency_hz", "limit_db"), [(1000, -75), (10_000, -75), (15_000, -70)])
def test_a_sine_between_its_samples(frequency_hz: float, limit_db: float) -> None:
    turn = 2 * np.pi * frequency_hz / RATE_HZ
    samples = np.sin(turn * np.arange(4000))[None].astype(np.float32)
    positions = np.linspace(100, 3900, 3001)
    error = read_at(samples, positions)[0] - np.sin(turn * positions)
    assert 20 * np.log10(np.abs(error).max()) < limit_db


def test_a_constant_is_constant_up_to_the_ends() -> None:
    read = read_at(np.full((1, 50), 0.7, np.float32), np.linspace(0, 49, 333))
    assert read == pytest.approx(0.7, abs=1e-6)


def test_nothing_read_is_nothing() -> None:
    assert read_at(np.zeros((2, 0), np.float32), np.zeros(0)).shape == (2, 0)
