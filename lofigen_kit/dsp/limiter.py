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

    The sound is taken as a loop: the release of its last peak reaches into its start.

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
    smoothing = max(0, round(LOOKAHEAD_S * rate_hz / 2))  # half a width; two passes of it below
    held = ndimage.maximum_filter1d(needed, 2 * (2 * smoothing + 1) + 1, mode="wrap")
    released = _release(held, RELEASE_DB_PER_S / rate_hz)
    # Every point that these means reach from a peak is at least as high as the peak.
    for _ in range(2):
        released = ndimage.uniform_filter1d(released, 2 * smoothing + 1, mode="wrap")
    return released


def _release(held: np.ndarray, step_db: float) -> np.ndarray:
    """Let each value fall by `step_db` a point, unless a higher one takes over; circular."""
    points = len(held)
    slope = step_db * np.arange(2 * points)
    return np.asarray(np.maximum.accumulate(np.tile(held, 2) + slope) - slope)[points:]
