"""Second-order recursive filters (biquads), processed block by block.

The sections of the equaliser (`low_shelf`, `peak`, `high_shelf`) follow R. Bristow-Johnson,
"Cookbook formulae for audio equalizer biquad filter coefficients". At 0 dB each passes the sound
unchanged. A section is `b0, b1, b2, a0, a1, a2` with `a0 = 1`, as in scipy.
"""

from __future__ import annotations

import math

import numba
import numpy as np


class BiquadCascade:
    """Second-order sections in series that keep their state between blocks, in double precision.

    The filter starts at rest. The coefficients may change between two blocks; the state is kept.

    Args:
        channels: Number of channels.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._state: np.ndarray | None = None

    def __call__(self, block: np.ndarray, sections: np.ndarray) -> np.ndarray:
        """Return a filtered block [shape=(channels, frames), dtype=float32].

        Args:
            block: The input, of at least one frame [shape=(channels, frames)].
            sections: The coefficients; their number must not change [shape=(sections, 6)].
        """
        if self._state is None:
            self._state = np.zeros((len(sections), self._channels, 2))
        samples = block.astype(np.float64)
        run_sections(samples, sections, self._state)
        return samples.astype(np.float32)


def run_sections(
    samples: np.ndarray,
    sections: np.ndarray,
    state: np.ndarray | None = None,
    *,
    backwards: bool = False,
) -> None:
    """Run second-order sections in series over every channel, in place.

    Args:
        samples: Input and output [shape=(channels, frames), dtype=float64].
        sections: The coefficients [shape=(sections, 6), dtype=float64].
        state: The state of the filters, updated in place [shape=(sections, channels, 2)]; None
            starts at rest.
        backwards: Run from the last frame to the first.
    """
    if state is None:
        state = np.zeros((len(sections), len(samples), 2))
    for section, section_state in zip(sections, state, strict=True):
        _run(samples, section, section_state, backwards)


def butterworth(order: int, corner_hz: float, rate_hz: int, *, high: bool = False) -> np.ndarray:
    """Return a Butterworth low-pass or high-pass filter of even order.

    It is the bilinear transform with prewarping, as `scipy.signal.butter` computes it, in a
    fraction of the time: a moving filter is designed anew for every block.

    Args:
        order: Even; the slope is 6 dB per octave for each.
        corner_hz: The -3 dB frequency, below half the sample rate.
        rate_hz: Sample rate.
        high: Return a high-pass filter.

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
    """Return the section that boosts all below a corner; at the corner, by half the decibels.

    Args:
        corner_hz: The corner; above 0.499 of the sample rate it is held there.
        gain_db: The gain far below the corner; negative values cut.
        rate_hz: Sample rate.

    Returns:
        Six coefficients, for a shelf slope of 1.
    """
    return _shelf(corner_hz, gain_db, rate_hz, side=1.0)


def high_shelf(corner_hz: float, gain_db: float, rate_hz: int) -> list[float]:
    """Return the section that boosts all above a corner; at the corner, by half the decibels.

    Args:
        corner_hz: The corner; above 0.499 of the sample rate it is held there.
        gain_db: The gain far above the corner; negative values cut.
        rate_hz: Sample rate.

    Returns:
        Six coefficients, for a shelf slope of 1.
    """
    return _shelf(corner_hz, gain_db, rate_hz, side=-1.0)


def peak(centre_hz: float, gain_db: float, q: float, rate_hz: int) -> list[float]:
    """Return the section that boosts a band around its centre frequency.

    Args:
        centre_hz: The centre, where the gain is reached; above 0.499 of the sample rate it is held
            there.
        gain_db: The gain; a negative one is the exact inverse of the same positive one.
        q: The quality factor: the centre over the bandwidth between the edges, which have half the
            decibels.
        rate_hz: Sample rate.

    Returns:
        Six coefficients.
    """
    angle = _corner_to_angle(centre_hz, rate_hz)
    root = 10.0 ** (gain_db / 40.0)
    alpha, cosine = math.sin(angle) / (2.0 * q), math.cos(angle)
    return _section(
        (1.0 + alpha * root, -2.0 * cosine, 1.0 - alpha * root),
        (1.0 + alpha / root, -2.0 * cosine, 1.0 - alpha / root),
    )


def compute_ring_s(corner_hz: float, q: float) -> float:
    """Return an upper bound of how long a section rings, in seconds, until it is 80 dB down.

    It is computed for 44.1 kHz; digital filters ring slightly less at higher rates.

    Args:
        corner_hz: The corner or centre frequency.
        q: The quality factor; below 1/2 the filter is overdamped, and a lower factor decays more
            slowly.
    """
    rate_hz = 44_100
    decay_per_frame = math.sin(_corner_to_angle(corner_hz, rate_hz)) / (2.0 * max(q, 0.5 / q))
    return math.log(1e4) / decay_per_frame / rate_hz


def count_feedback_passes(feedback: float) -> float:
    """Return the number of passes through a feedback loop until a sound is 80 dB down.

    Args:
        feedback: The gain of one pass, from 0 to below 1.
    """
    if feedback < 1e-12:  # log(0) does not exist; a value this small is a gain of 0
        return 0.0
    return math.log(1e-4) / math.log(feedback)


def butterworth_q(order: int) -> float:
    """Return the quality factor of the sharpest section of a Butterworth filter of even order."""
    return 0.5 / math.sin(math.pi / (2 * order))


def _shelf(corner_hz: float, gain_db: float, rate_hz: int, side: float) -> list[float]:
    angle = _corner_to_angle(corner_hz, rate_hz)
    root = 10.0 ** (gain_db / 40.0)
    slope = math.sqrt(2.0 * root) * math.sin(angle)  # 2 sqrt(A) alpha for a slope of 1
    up, down, cosine = root + 1.0, root - 1.0, side * math.cos(angle)
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
    """Return a frequency in radians per frame, limited to just below the Nyquist frequency."""
    return 2.0 * math.pi * min(corner_hz / rate_hz, 0.499)


def _section(zeros: tuple[float, float, float], poles: tuple[float, float, float]) -> list[float]:
    return [value / poles[0] for value in (*zeros, *poles)]


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _run(samples: np.ndarray, section: np.ndarray, state: np.ndarray, backwards: bool) -> None:
    """Run one section in transposed direct form II [shape(state)=(channels, 2)]."""
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
