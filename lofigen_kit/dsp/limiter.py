"""The gain reduction of a look-ahead peak limiter over time, without make-up gain."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LOOKAHEAD_S = 0.003
RELEASE_DB_PER_S = 40.0


def reduction_db(excess_db: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return the gain reduction at each point in time that keeps all peaks below the ceiling.

    The reduction rises over the look-ahead of 3 ms and is complete when a peak arrives. Afterwards
    it falls by 40 dB per second, slowly enough not to distort bass within one period. At each point
    it is at least the excess of that point and its two neighbours, so it may be interpolated.

    Args:
        excess_db: How far each peak is above the ceiling in dB; zero or negative below it
            [shape=(points,)].
        rate_hz: Points per second.

    Returns:
        np.ndarray [shape=(points,)], zero or positive, in dB.
    """
    needed: np.ndarray = np.maximum(excess_db, 0.0)
    if not needed.any():
        return needed
    half_width = _half_width_points(rate_hz)
    held = ndimage.maximum_filter1d(needed, 2 * (2 * half_width + 1) + 1, mode="nearest")
    released = _release(held, RELEASE_DB_PER_S / rate_hz)
    # The maximum filter is wide enough that the two means still reach the height of a peak.
    for _ in range(2):
        released = ndimage.uniform_filter1d(released, 2 * half_width + 1, mode="nearest")
    return released


class Limiter:
    """The streaming form of `reduction_db`: it processes an endless signal block by block.

    Args:
        rate_hz: Points per second.

    Attributes:
        latency_points: Number of points by which the reduction comes later than the excess.
    """

    def __init__(self, rate_hz: float) -> None:
        self._half_width = _half_width_points(rate_hz)
        self._reach = 2 * self._half_width + 1
        self.latency_points = self._reach + 2 * self._half_width
        self._step_db = RELEASE_DB_PER_S / rate_hz
        self._needed = np.zeros(2 * self._reach)
        self._released = np.zeros(4 * self._half_width + 1)

    def __call__(self, excess_db: np.ndarray) -> np.ndarray:
        """Return the reduction in dB of the points `latency_points` earlier [shape=(points,)].

        Args:
            excess_db: As for `reduction_db` [shape=(points,)].
        """
        needed = np.concatenate([self._needed, np.maximum(excess_db, 0.0)])
        self._needed = needed[len(excess_db) :]
        reach, half_width = self._reach, self._half_width
        held = ndimage.maximum_filter1d(needed, 2 * reach + 1)[reach : len(needed) - reach]
        continued = _release(np.concatenate([self._released[-1:], held]), self._step_db)
        released = np.concatenate([self._released, continued[1:]])
        self._released = released[len(excess_db) :]
        smooth = released[1:]
        for _ in range(2):
            smooth = ndimage.uniform_filter1d(smooth, 2 * half_width + 1)
            smooth = smooth[half_width : len(smooth) - half_width]
        return np.asarray(smooth)


def count_margin_points(max_excess_db: float, rate_hz: float) -> int:
    """Return how many points before and after a point influence its reduction.

    Args:
        max_excess_db: The greatest excess in dB.
        rate_hz: Points per second.
    """
    return int(max_excess_db / RELEASE_DB_PER_S * rate_hz) + 4 * _half_width_points(rate_hz) + 4


def _half_width_points(rate_hz: float) -> int:
    """Return half the width of one moving average; two of them make up the look-ahead."""
    return max(0, round(LOOKAHEAD_S * rate_hz / 2))


def _release(held: np.ndarray, step_db: float) -> np.ndarray:
    """Return values that fall by `step_db` per point, unless a higher value follows."""
    slope = step_db * np.arange(len(held))
    return np.asarray(np.maximum.accumulate(held + slope) - slope)
