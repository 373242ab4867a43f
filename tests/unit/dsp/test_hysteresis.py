"""Hysteresis against the differential equation itself, and against what a magnet does."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lofigen_kit.dsp.hysteresis import COERCIVITY, COUPLING, REVERSIBILITY, SHAPE, magnetise


def triangle(amplitude: float, frames: int, laps: int) -> np.ndarray:
    quarter = np.linspace(0, amplitude, frames // 4, endpoint=False)
    lap = np.concatenate([quarter, amplitude - quarter, -quarter, quarter - amplitude])
    return np.tile(lap, laps).astype(np.float32)[None]


def equation(h: float, m: np.ndarray, direction: float) -> np.ndarray:
    """Return dM/dH as Jiles and Atherton write it."""
    x = (h + COUPLING * m) / SHAPE
    x = np.where(np.abs(x) < 1e-6, 1e-6, x)
    lag = 1 / np.tanh(x) - 1 / x - m
    slope = REVERSIBILITY / SHAPE * (1 / x**2 - 1 / np.sinh(x) ** 2)
    free = 1 - REVERSIBILITY
    pinned = free * lag / (free * direction * COERCIVITY - COUPLING * lag)
    moving = lag * direction > 0
    return np.asarray((np.where(moving, pinned, 0.0) + slope) / (1 - COUPLING * slope))


@pytest.mark.parametrize("amplitude", [0.1, 1.0, 4.0])
def test_follows_the_equation(amplitude: float) -> None:
    corners, m, expected = [0.0, amplitude, -amplitude, amplitude], 0.0, [0.0]
    for start, end in pairwise(corners):
        solution = solve_ivp(
            equation, (start, end), [m], args=(np.sign(end - start),), rtol=1e-8, atol=1e-10,
            max_step=amplitude / 500,
        )  # fmt: skip
        m = float(solution.y[0, -1])
        expected.append(m)
    path = np.concatenate(
        [np.linspace(start, end, 200, endpoint=False)
         for start, end in pairwise(corners)] + [[amplitude]]
    )  # fmt: skip
    field = path.astype(np.float32)[None]
    assert magnetise(field)[0, ::200] == pytest.approx(expected, abs=2e-4)


def test_a_loop_closes_is_symmetric_and_costs_energy() -> None:
    field = triangle(2.0, 800, 6)
    m = magnetise(field)[0].astype(np.float64)
    lap = m[-800:]
    assert lap == pytest.approx(m[-1600:-800], abs=1e-4)
    assert lap[:400] == pytest.approx(-lap[400:], abs=1e-3)
    h = field[0, -800:].astype(np.float64)
    assert np.sum(0.5 * (h + np.roll(h, -1)) * (np.roll(lap, -1) - lap)) > 0.1  # area of the loop
    assert lap[400] > 0.05  # back at no field from above: remanence


def test_speed_does_not_matter() -> None:
    slow, fast = triangle(1.5, 4000, 3), triangle(1.5, 400, 3)
    assert magnetise(slow)[0, ::10] == pytest.approx(magnetise(fast)[0], abs=1e-3)


@pytest.mark.parametrize("gain", [1.0, 16.0, 1000.0])
def test_stable_and_saturated_at_any_drive(gain: float) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 20_000)).astype(np.float32)
    m = magnetise(np.float32(gain) * noise)
    assert np.isfinite(m).all()
    assert np.abs(m).max() <= 1.0
    assert np.abs(m).max() > 0.5


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_rest_is_rest(bias: float) -> None:
    m = magnetise(np.zeros((1, 1000), np.float32), bias)
    assert (m == m[0, 0]).all()
    assert (m[0, 0] > 0) == (bias > 0)
