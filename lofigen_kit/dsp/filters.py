"""Recursive filters, block by block.

The three of an equaliser are R. Bristow-Johnson's ("Cookbook formulae for audio equalizer
biquad filter coefficients"); at 0 dB each passes every sound unchanged.
"""

from __future__ import annotations

import math

import numba
import numpy as np


class BiquadCascade:
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
        heard = block.astype(np.float64)
        run_sections(heard, sections, self._state)
        return heard.astype(np.float32)


def run_sections(
    samples: np.ndarray,
    sections: np.ndarray,
    state: np.ndarray | None = None,
    *,
    backwards: bool = False,
) -> None:
    """Run second-order sections over every channel, in place.

    Args:
        samples: [shape=(channels, frames), dtype=float64].
        sections: [shape=(sections, 6), dtype=float64].
        state: What they remember, in place too [shape=(sections, channels, 2)]; by default they
            begin at rest.
        backwards: From the end to the beginning.
    """
    if state is None:
        state = np.zeros((len(sections), len(samples), 2))
    for section, remembered in zip(sections, state, strict=True):
        _run(samples, section, remembered, backwards)


def butterworth(order: int, corner_hz: float, rate_hz: int, *, high: bool = False) -> np.ndarray:
    """Return a Butterworth low-pass or high-pass of even order.

    It is scipy's, in a fraction of the time: one that moves is designed anew at every block.

    Args:
        order: Steepness: 6 dB an octave each.
        corner_hz: Where the sound is 3 dB down, below half the sample rate.
        rate_hz: Frames a second.
        high: Let pass what lies above the corner, not what lies below.

    Returns:
        np.ndarray [shape=(order / 2, 6)].
    """
    warped = math.tan(math.pi * corner_hz / rate_hz)
    sections = []
    for number in range(order // 2):
        damping = 2.0 * math.sin(math.pi * (2 * number + 1) / (2 * order)) * warped
        scale = 1.0 / (1.0 + damping + warped**2)
        gain = scale if high else scale * warped**2
        middle = 2.0 * scale * (warped**2 - 1.0)
        last = scale * (1.0 - damping + warped**2)
        sections.append([gain, -2.0 * gain if high else 2.0 * gain, gain, 1.0, middle, last])
    return np.array(sections)


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
    turn = _corner_to_angle(centre_hz, rate_hz)
    root = 10.0 ** (gain_db / 40.0)
    alpha, cosine = math.sin(turn) / (2.0 * q), math.cos(turn)
    return _section(
        (1.0 + alpha * root, -2.0 * cosine, 1.0 - alpha * root),
        (1.0 + alpha / root, -2.0 * cosine, 1.0 - alpha / root),
    )


def compute_ring_s(corner_hz: float, q: float) -> float:
    """Return how long a section rings at most, until it has fallen by 80 dB.

    That is at 44.1 kHz; digital filters ring a little less at higher rates.

    Args:
        corner_hz: Its corner or centre.
        q: Its quality; below 1/2 it creeps rather than rings, and the longer the lower.
    """
    rate_hz = 44_100
    per_frame = math.sin(_corner_to_angle(corner_hz, rate_hz)) / (2.0 * max(q, 0.5 / q))
    return math.log(1e4) / per_frame / rate_hz


def count_feedback_passes(feedback: float) -> float:
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
    turn = _corner_to_angle(corner_hz, rate_hz)
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


def _corner_to_angle(corner_hz: float, rate_hz: int) -> float:
    """Return a corner as an angle; one above all there is to hear is held just below Nyquist."""
    return 2.0 * math.pi * min(corner_hz / rate_hz, 0.499)


def _section(zeros: tuple[float, float, float], poles: tuple[float, float, float]) -> list[float]:
    return [value / poles[0] for value in (*zeros, *poles)]


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _run(samples: np.ndarray, section: np.ndarray, state: np.ndarray, backwards: bool) -> None:
    """Run one section, as the transposed direct form 2 [shape(state)=(channels, 2)]."""
    frames = samples.shape[1]
    b0, b1, b2, _, a1, a2 = section
    for channel in range(len(samples)):
        p, q = state[channel]
        for turn in range(frames):
            n = frames - 1 - turn if backwards else turn
            x = samples[channel, n]
            y = b0 * x + p
            p = (b1 * x + q) - a1 * y
            q = b2 * x - a2 * y
            samples[channel, n] = y
        state[channel, 0], state[channel, 1] = p, q
