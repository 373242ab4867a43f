"""Recursive filters, block by block.

The three of an equaliser are R. Bristow-Johnson's ("Cookbook formulae for audio equalizer
biquad filter coefficients"); at 0 dB each passes every sound unchanged.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import signal


class Sections:
    """Second-order sections that go on from block to block, from rest, in double precision.

    The coefficients may change between two blocks; what the filter remembers does not.

    Args:
        channels: How many channels each block has.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._state: np.ndarray | None = None

    def __call__(self, block: np.ndarray, sections: np.ndarray) -> np.ndarray:
        """Return a block, filtered [shape=(channels, frames), dtype=float32].

        Args:
            block: [shape=(channels, frames)], with at least one frame.
            sections: [shape=(sections, 6)]; always as many.
        """
        if self._state is None:
            self._state = np.zeros((len(sections), self._channels, 2))
        filtered, self._state = signal.sosfilt(sections, block.astype(np.float64), zi=self._state)
        return np.asarray(filtered, np.float32)


def low_shelf(corner_hz: float, gain_db: float, rate_hz: int) -> list[float]:
    """Return the section that lifts what lies below a corner; at it, by half the decibels."""
    return _shelf(corner_hz, gain_db, rate_hz, side=1.0)


def high_shelf(corner_hz: float, gain_db: float, rate_hz: int) -> list[float]:
    """Return the section that lifts what lies above a corner; at it, by half the decibels."""
    return _shelf(corner_hz, gain_db, rate_hz, side=-1.0)


def peak(centre_hz: float, gain_db: float, q: float, rate_hz: int) -> list[float]:
    """Return the section that lifts a band around its centre.

    Args:
        centre_hz: Where the gain is reached.
        gain_db: The gain; below 0 it takes away what the same above 0 adds.
        q: The centre over the width of the band, whose edges have half the decibels.
        rate_hz: The sample rate.
    """
    turn = _turn(centre_hz, rate_hz)
    root = 10.0 ** (gain_db / 40.0)
    alpha, cosine = math.sin(turn) / (2.0 * q), math.cos(turn)
    return _section(
        (1.0 + alpha * root, -2.0 * cosine, 1.0 - alpha * root),
        (1.0 + alpha / root, -2.0 * cosine, 1.0 - alpha / root),
    )


def ring_s(corner_hz: float, q: float) -> float:
    """Return how long a section rings at most, until it has fallen by 80 dB.

    That is at 44.1 kHz; digital filters ring a little less at higher rates.

    Args:
        corner_hz: Its corner or centre.
        q: Its quality; below 1/2 it creeps rather than rings, and the longer the lower.
    """
    rate_hz = 44_100
    per_frame = math.sin(_turn(corner_hz, rate_hz)) / (2.0 * max(q, 0.5 / q))
    return math.log(1e4) / per_frame / rate_hz


def rounds(feedback: float) -> float:
    """Return how often a sound goes round with a feedback until it has fallen by 80 dB.

    Args:
        feedback: What is left of it each time, from 0 to below 1.
    """
    if feedback < 1e-12:  # whose logarithm may not exist: a number as small is 0 over 100
        return 0.0
    return math.log(1e-4) / math.log(feedback)


def butterworth_q(order: int) -> float:
    """Return the quality of the sharpest section of a Butterworth filter."""
    return 0.5 / math.sin(math.pi / (2 * order))


def _shelf(corner_hz: float, gain_db: float, rate_hz: int, side: float) -> list[float]:
    turn = _turn(corner_hz, rate_hz)
    root = 10.0 ** (gain_db / 40.0)
    slope = math.sqrt(2.0 * root) * math.sin(turn)  # 2 sqrt(A) alpha for a slope of 1
    up, down, cosine = root + 1.0, root - 1.0, side * math.cos(turn)
    return _section(
        (
            root * (up - down * cosine + slope),
            2.0 * side * root * (down - up * cosine),
            root * (up - down * cosine - slope),
        ),
        (
            up + down * cosine + slope,
            -2.0 * side * (down + up * cosine),
            up + down * cosine - slope,
        ),
    )


def _turn(corner_hz: float, rate_hz: int) -> float:
    """Return a corner as an angle; one above all there is to hear is held just below Nyquist."""
    return 2.0 * math.pi * min(corner_hz / rate_hz, 0.499)


def _section(zeros: tuple[float, float, float], poles: tuple[float, float, float]) -> list[float]:
    return [value / poles[0] for value in (*zeros, *poles)]
