"""Compiled loops for measuring: true peaks and weighted power.

Both are reduced to one value per stretch of frames while they are computed, so no sound is held in
memory at a multiple of its rate.
"""

from __future__ import annotations

from functools import cache

import numba
import numpy as np

MARGIN = 18
"""Frames on either side of a sound that influence its true peaks."""

_HALFWAY_TAPS = 32
_FINE_TAPS = 8  # enough at twice the rate: the images it passes are silent
_KAISER_BETA = 5.0  # only the top twentieth of the spectrum reads low
_AT_ONCE = 512


def stretch_peaks(padded: np.ndarray, stretch: int, floor: float = 0.0) -> np.ndarray:
    """Return the true peak of each stretch of frames, over all channels.

    The sound is oversampled by 8, twice as much as BS.1770-4 (annex 2) asks for: another meter
    samples at other positions and must not find more. Kaiser-windowed sincs interpolate halfway
    between two frames, and then between those points and the frames.

    Args:
        padded: The sound, with `MARGIN` more frames on either side
            [shape=(channels, frames + 2 * MARGIN), dtype=float32].
        stretch: Frames per stretch; the last stretch may be shorter.
        floor: Where the waveform cannot rise above this amplitude, only the samples are used, which
            is faster.

    Returns:
        np.ndarray [shape=(stretches,), dtype=float32], amplitudes.
    """
    halfway = _sinc((0.5,), _HALFWAY_TAPS)[0]
    fine = _sinc((0.25, 0.5, 0.75), _FINE_TAPS)
    max_gain = float(np.abs(halfway).sum() * np.abs(fine).sum(axis=1).max())  # peak over samples
    peaks: np.ndarray = _peaks(
        np.ascontiguousarray(padded), halfway, fine, stretch, floor / max_gain
    )
    return peaks


def stretch_power(
    samples: np.ndarray, sections: np.ndarray, state: np.ndarray, stretch: int
) -> np.ndarray:
    """Return the mean power of a filtered sound in each stretch of frames, for each channel.

    Args:
        samples: The next block of the sound [shape=(channels, frames), dtype=float32].
        sections: Two second-order sections [shape=(2, 6)].
        state: The state of the filters, updated in place; zeros at first [shape=(channels, 4)].
        stretch: Frames per stretch; the last stretch may be shorter.

    Returns:
        np.ndarray [shape=(channels, stretches), dtype=float64].
    """
    channels, frames = samples.shape
    power = np.empty((channels, -(-frames // stretch)))
    _power(np.ascontiguousarray(samples), sections, state, stretch, power)
    lengths = np.full(power.shape[1], stretch)
    lengths[-1:] = frames - stretch * (len(lengths) - 1)
    return power / lengths


@cache
def _sinc(phases: tuple[float, ...], taps: int) -> np.ndarray:
    """Return filters that interpolate at fractions of a frame [shape=(phases, taps)]."""
    distance = np.arange(taps) - (taps // 2 - 1) - np.array(phases)[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(1.0 - (distance / (taps / 2)) ** 2))
    table = np.sinc(distance) * window
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nnan", "nsz"})
def _peaks(
    heard: np.ndarray, halfway: np.ndarray, fine: np.ndarray, stretch: int, quiet: float
) -> np.ndarray:
    frames = heard.shape[1] - 2 * MARGIN
    out = np.empty(-(-frames // stretch), np.float32)
    top = np.empty(max(_AT_ONCE, stretch), np.float32)
    half = np.empty(len(top) + 4, np.float32)
    whole = len(top) // stretch
    for first in range(0, len(out), whole):
        start = first * stretch
        count = min(whole * stretch, frames - start)
        top[:] = np.float32(0.0)
        for channel in range(len(heard)):
            near = heard[channel, start : start + count + 2 * MARGIN]
            loudest = np.float32(0.0)
            for n in range(len(near)):
                loudest = max(loudest, abs(near[n]))
            for n in range(count):
                top[n] = max(top[n], abs(near[n + MARGIN]))
            if loudest > quiet:
                _rise(near, halfway, fine, half, top)
        for place in range(first, min(first + whole, len(out))):
            highest = np.float32(0.0)
            for n in range(place * stretch - start, min((place + 1) * stretch - start, count)):
                highest = max(highest, top[n])
            out[place] = highest
    return out


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nnan", "nsz"})
def _rise(
    near: np.ndarray, halfway: np.ndarray, fine: np.ndarray, half: np.ndarray, top: np.ndarray
) -> None:
    """Raise the peak of each frame to that of the waveform between it and the next frame."""
    count = len(near) - 2 * MARGIN
    for n in range(count + 4):  # from two frames before to two behind
        between = np.float32(0.0)
        for tap in range(_HALFWAY_TAPS):
            between += halfway[tap] * near[n + tap + 1]
        half[n] = between
    for n in range(count):
        top[n] = max(top[n], abs(half[n + 2]))
    for phase in range(3):
        a, b, c, d, e, f, g, h = fine[phase]
        for n in range(count):
            before, here = near[n + MARGIN - 1], near[n + MARGIN]
            after, then = near[n + MARGIN + 1], near[n + MARGIN + 2]
            sooner = (b * before + d * here) + (f * after + h * then)
            sooner += (a * half[n] + c * half[n + 1]) + (e * half[n + 2] + g * half[n + 3])
            later = (a * before + c * here) + (e * after + g * then)
            later += b * half[n + 1] + d * half[n + 2]
            later += f * half[n + 3] + h * half[n + 4]
            height = max(abs(sooner), abs(later))
            top[n] = max(top[n], height)


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _power(
    samples: np.ndarray, sections: np.ndarray, state: np.ndarray, stretch: int, out: np.ndarray
) -> None:
    (b0, b1, b2, _, a1, a2), (d0, d1, d2, _, c1, c2) = sections[0], sections[1]
    for channel in range(len(samples)):
        p, q, r, s = state[channel]
        for place in range(out.shape[1]):
            total = 0.0
            for n in range(place * stretch, min((place + 1) * stretch, samples.shape[1])):
                x = np.float64(samples[channel, n])
                y = b0 * x + p
                p = (b1 * x + q) - a1 * y
                q = b2 * x - a2 * y
                z = d0 * y + r
                r = (d1 * y + s) - c1 * z
                s = d2 * y - c2 * z
                total += z * z
            out[channel, place] = total
        state[channel, 0], state[channel, 1], state[channel, 2], state[channel, 3] = p, q, r, s
