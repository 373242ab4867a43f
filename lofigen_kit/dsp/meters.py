"""The loops over samples that measuring needs, compiled: true peaks and weighted power.

Both are condensed to stretches of some frames as they are found, so that no sound is ever held at
several times its rate.
"""

from __future__ import annotations

import numba
import numpy as np

MARGIN = 16
"""Frames on either side of a sound that its true peaks depend on."""

_TAPS = 2 * MARGIN
_FINER = 8
_KAISER_BETA = 5.0  # never low but for the last twentieth of the spectrum
_AT_ONCE = 512


def stretch_peaks(heard: np.ndarray, stretch: int, floor: float = 0.0) -> np.ndarray:
    """Return how high the waveform rises in each stretch of frames, over all channels.

    It is read at eight times the rate by a Kaiser-windowed sinc, twice as finely as BS.1770-4
    (annex 2) asks for: another meter reads it at other places, and must find no more.

    Args:
        heard: The sound with `MARGIN` frames more on either side
            [shape=(channels, frames + 2 * MARGIN), dtype=float32].
        stretch: Frames in each, but for the last.
        floor: Where the waveform can rise no higher than this, the samples alone are looked at,
            which is faster.

    Returns:
        np.ndarray [shape=(stretches,), dtype=float32].
    """
    frames = heard.shape[1] - 2 * MARGIN
    peaks = np.zeros(-(-frames // stretch), np.float32)
    table = _between()
    most = float(np.abs(table).sum(axis=1).max())  # no wave rises higher above its samples
    _peaks(np.ascontiguousarray(heard), table, stretch, floor / most, peaks)
    return peaks


def stretch_power(
    samples: np.ndarray, sections: np.ndarray, state: np.ndarray, stretch: int
) -> np.ndarray:
    """Return the mean power of a filtered sound in each stretch of frames, channel by channel.

    Args:
        samples: The next block of the sound [shape=(channels, frames), dtype=float32].
        sections: Two second-order sections [shape=(2, 6)].
        state: What they remember, changed in place; zeros at first [shape=(channels, 4)].
        stretch: Frames in each, but for the last.

    Returns:
        np.ndarray [shape=(channels, stretches), dtype=float64].
    """
    channels, frames = samples.shape
    power = np.empty((channels, -(-frames // stretch)))
    _power(np.ascontiguousarray(samples), sections, state, stretch, power)
    lengths = np.full(power.shape[1], stretch)
    lengths[-1:] = frames - stretch * (len(lengths) - 1)
    return power / lengths


def run_sections(samples: np.ndarray, sections: np.ndarray, *, backwards: bool = False) -> None:
    """Run second-order sections over every channel from rest, in place.

    Args:
        samples: [shape=(channels, frames), dtype=float64].
        sections: [shape=(sections, 6)].
        backwards: From the end to the beginning.
    """
    for section in sections:
        _run(samples, section, backwards)


def _between() -> np.ndarray:
    """Return the filters that read between two frames [shape=(_FINER - 1, _TAPS)]."""
    phases = np.arange(1, _FINER)[:, None] / _FINER
    distance = np.arange(_TAPS) - (MARGIN - 1) - phases
    window = np.i0(_KAISER_BETA * np.sqrt(1.0 - (distance / MARGIN) ** 2))
    table = np.sinc(distance) * window
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _peaks(
    heard: np.ndarray, table: np.ndarray, stretch: int, quiet: float, out: np.ndarray
) -> None:
    channels = heard.shape[0]
    frames = heard.shape[1] - _TAPS
    top = np.empty(_AT_ONCE, np.float32)
    for start in range(0, frames, _AT_ONCE):
        count = min(_AT_ONCE, frames - start)
        top[:] = np.float32(0.0)
        for channel in range(channels):
            near = heard[channel, start + 1 : start + count + _TAPS]
            loudest = np.float32(0.0)
            for n in range(len(near)):
                loudest = max(loudest, abs(near[n]))
            for n in range(count):
                top[n] = max(top[n], abs(near[n + MARGIN - 1]))
            if loudest <= quiet:
                continue
            for phase in range(table.shape[0]):
                for n in range(count):
                    between = np.float32(0.0)
                    for tap in range(_TAPS):
                        between += table[phase, tap] * near[n + tap]
                    top[n] = max(top[n], abs(between))
        for n in range(count):
            place = (start + n) // stretch
            out[place] = max(out[place], top[n])


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


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _run(samples: np.ndarray, section: np.ndarray, backwards: bool) -> None:
    frames = samples.shape[1]
    b0, b1, b2, _, a1, a2 = section
    for channel in range(len(samples)):
        p, q = 0.0, 0.0
        for turn in range(frames):
            n = frames - 1 - turn if backwards else turn
            x = samples[channel, n]
            y = b0 * x + p
            p = (b1 * x + q) - a1 * y
            q = b2 * x - a2 * y
            samples[channel, n] = y
