"""A look-ahead peak limiter as a curve of gain reduction over time, without make-up gain."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LOOKAHEAD_S = 0.003
RELEASE_DB_PER_S = 40.0


def reduction_db(excess_db: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return by how much to turn down, at each point in time, so that no peak stands out.

    The reduction is in place when a peak arrives and rises to it over the look-ahead; afterwards
    it falls by 40 dB a second, so that bass is not bent within its period. It is never less than
    the excess at any point within one point of it, so that it may be interpolated.

    Args:
        excess_db: How far each peak stands above the ceiling; below it, zero or negative
            [shape=(points,)].
        rate_hz: Points a second.

    Returns:
        np.ndarray [shape=(points,)], zero or positive.
    """
    needed: np.ndarray = np.maximum(excess_db, 0.0)
    if not needed.any():
        return needed
    smoothing = _smoothing(rate_hz)
    held = ndimage.maximum_filter1d(needed, 2 * (2 * smoothing + 1) + 1, mode="nearest")
    released = _release(held, RELEASE_DB_PER_S / rate_hz)
    # Every point that these means reach from a peak is at least as high as the peak.
    for _ in range(2):
        released = ndimage.uniform_filter1d(released, 2 * smoothing + 1, mode="nearest")
    return released


class Limiter:
    """`reduction_db` of what goes on without an end, block by block.

    Args:
        rate_hz: Points a second.

    Attributes:
        late: How many points later the reduction comes out than the excess goes in.
    """

    def __init__(self, rate_hz: float) -> None:
        self._smoothing = _smoothing(rate_hz)
        self._reach = 2 * self._smoothing + 1
        self.late = self._reach + 2 * self._smoothing
        self._step_db = RELEASE_DB_PER_S / rate_hz
        self._needed = np.zeros(2 * self._reach)
        self._released = np.zeros(4 * self._smoothing + 1)

    def __call__(self, excess_db: np.ndarray) -> np.ndarray:
        """Return the reduction at as many points, `late` points earlier [shape=(points,)]."""
        needed = np.concatenate([self._needed, np.maximum(excess_db, 0.0)])
        self._needed = needed[len(excess_db) :]
        reach, smoothing = self._reach, self._smoothing
        held = ndimage.maximum_filter1d(needed, 2 * reach + 1)[reach : len(needed) - reach]
        going_on = _release(np.concatenate([self._released[-1:], held]), self._step_db)
        released = np.concatenate([self._released, going_on[1:]])
        self._released = released[len(excess_db) :]
        smooth = released[1:]
        for _ in range(2):
            smooth = ndimage.uniform_filter1d(smooth, 2 * smoothing + 1)
            smooth = smooth[smoothing : len(smooth) - smoothing]
        return np.asarray(smooth)


def count_margin_points(most_db: float, rate_hz: float) -> int:
    """Return how many points before and after one have a say in its reduction.

    Args:
        most_db: The greatest excess.
        rate_hz: Points a second.
    """
    return int(most_db / RELEASE_DB_PER_S * rate_hz) + 4 * _smoothing(rate_hz) + 4


def _smoothing(rate_hz: float) -> int:
    """Return half the width of a mean; two of them make the look-ahead."""
    return max(0, round(LOOKAHEAD_S * rate_hz / 2))


def _release(held: np.ndarray, step_db: float) -> np.ndarray:
    """Let each value fall by `step_db` a point, unless a higher one takes over."""
    slope = step_db * np.arange(len(held))
    return np.asarray(np.maximum.accumulate(held + slope) - slope)
