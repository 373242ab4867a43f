"""Artificial reverberation by a feedback delay network (FDN).

The network is J.-M. Jot's ("Digital delay networks for designing artificial reverberators", AES
90th convention, 1991). Eight delay lines, of lengths without a common factor, feed each other
through a Householder matrix, which is lossless. A filter on each line attenuates by what a room
would lose in that time, so the decay time is exact at any size. Four all-pass filters before the
network (M. R. Schroeder, 1962) make the echoes dense from the start and leave the spectrum alone.
"""

# ruff: noqa: PLR0917 - compiled kernels take plain positional arguments

from __future__ import annotations

import math

import numba
import numpy as np
from scipy.linalg import hadamard

LINES = 8
LINES_S = (0.0223, 0.0289, 0.0351, 0.0417, 0.0499, 0.0583, 0.0667, 0.0761)
DIFFUSERS_S = (0.00477, 0.00360, 0.01273, 0.00931)
MIDDLE_HZ = 1000.0
DIFFUSION = (0.75, 0.75, 0.625, 0.625)

_SIGNS = hadamard(LINES) / math.sqrt(LINES)
"""Signs of a channel's inputs to the lines, or of its outputs from them: all rows differ."""

_FEEDS = (1, 2, 3, 4, 5, 6, 7)
_TAPS = (3, 6, 5, 1, 4, 2, 7)
"""Rows of `_SIGNS` for one channel after another. Where the first two channels have the same input,
the lines reach one output with equal signs as often, and as early, as with opposite signs."""

_NEPERS = math.log(1e6)  # 60 dB of power
_NOTHING = 1e-20  # smaller values become 0: denormal numbers are slow


class FeedbackDelayNetwork:
    """The reverberation of a room without the direct sound, block by block.

    Each channel enters the lines, and leaves them, with its own signs, so equal channels come out
    uncorrelated. For a steady sound, the output has the level of the input.

    Args:
        channels: Number of channels.
        rate_hz: Sample rate.
        size: Factor of all delay lengths.
    """

    def __init__(self, channels: int, rate_hz: int, size: float = 1.0) -> None:
        self._rate_hz = rate_hz
        self._lengths = np.array(_coprime([s * size * rate_hz for s in LINES_S]))
        diffusers = np.array([max(1, round(s * size * rate_hz)) for s in DIFFUSERS_S])
        self._lines = np.zeros((LINES, self._lengths.max()))
        self._places = np.zeros(LINES, np.int64)
        self._damped = np.zeros(LINES)
        self._diffuser_lengths = diffusers
        self._diffusers = np.zeros((channels, len(diffusers), diffusers.max()))
        self._diffuser_places = np.zeros(len(diffusers), np.int64)
        rows = np.arange(channels) % len(_FEEDS)
        self._feed = _SIGNS[np.array(_FEEDS)[rows]] / math.sqrt(channels)
        self._tap = _SIGNS[np.array(_TAPS)[rows]]

    def __call__(self, block: np.ndarray, decay_s: float, damping_hz: float) -> np.ndarray:
        """Return the reverberation of a block [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames), dtype=float32].
            decay_s: Time in which the sound decays by 60 dB at 1 kHz (RT60).
            damping_hz: Frequency at which it decays twice as fast as at low frequencies.
        """
        seconds = self._lengths / self._rate_hz
        gains = 10.0 ** (-3.0 * seconds / decay_s)
        poles = _poles(gains, damping_hz, self._rate_hz)
        gains /= _loss(poles, MIDDLE_HZ, self._rate_hz)
        # Of unit energy in the lines, an output returns this much until all has decayed. The
        # output has lost half a pass more than the content of the lines.
        energy = decay_s / (_NEPERS * seconds.sum()) * gains.mean()
        diffused = np.empty(block.shape)
        _diffuse(
            block / math.sqrt(energy), self._diffusers, self._diffuser_lengths,
            self._diffuser_places, np.array(DIFFUSION), diffused,
        )  # fmt: skip
        out = np.empty_like(block)
        _recirculate(
            diffused, self._feed, self._tap, gains * (1.0 - poles), poles,
            self._lines, self._lengths, self._places, self._damped, out,
        )  # fmt: skip
        return out


def _coprime(lengths: list[float]) -> list[int]:
    """Return different primes at or above some lengths, so that no two lines repeat in phase."""
    primes: list[int] = []
    for length in lengths:
        prime = max(2, math.ceil(length))
        while any(prime % d == 0 for d in range(2, math.isqrt(prime) + 1)) or prime in primes:
            prime += 1
        primes.append(prime)
    return primes


def _poles(gains: np.ndarray, damping_hz: float, rate_hz: int) -> np.ndarray:
    """Return the poles of one-pole low-pass filters that have these gains at a frequency."""
    cosine = math.cos(2.0 * math.pi * min(damping_hz / rate_hz, 0.5))
    c = 1.0 - gains**2
    b = 1.0 - gains**2 * cosine
    return np.asarray((b - np.sqrt(b**2 - c**2)) / c)


def _loss(poles: np.ndarray, frequency_hz: float, rate_hz: int) -> np.ndarray:
    """Return the gains of these filters at a frequency, relative to 0 Hz."""
    angle = 2.0 * math.pi * frequency_hz / rate_hz
    return np.asarray((1.0 - poles) / np.abs(1.0 - poles * np.exp(-1j * angle)))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _diffuse(
    block: np.ndarray,
    diffusers: np.ndarray,
    lengths: np.ndarray,
    places: np.ndarray,
    diffusion: np.ndarray,
    out: np.ndarray,
) -> None:
    """Run the all-pass filters in series."""
    channels, frames = block.shape
    for n in range(frames):
        for channel in range(channels):
            sample = float(block[channel, n])
            for k in range(len(lengths)):
                ago = diffusers[channel, k, places[k]]
                kept = sample + diffusion[k] * ago
                diffusers[channel, k, places[k]] = kept if abs(kept) > _NOTHING else 0.0
                sample = ago - diffusion[k] * kept
            out[channel, n] = sample
        for k in range(len(lengths)):
            places[k] = (places[k] + 1) % lengths[k]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _recirculate(
    block: np.ndarray,
    feed: np.ndarray,
    tap: np.ndarray,
    gains: np.ndarray,
    poles: np.ndarray,
    lines: np.ndarray,
    lengths: np.ndarray,
    places: np.ndarray,
    damped: np.ndarray,
    out: np.ndarray,
) -> None:
    """Run the lines with a Householder feedback matrix: the identity less 2/N in every entry."""
    channels, frames = block.shape
    count = len(lengths)
    for n in range(frames):
        total = 0.0
        for i in range(count):
            value = gains[i] * lines[i, places[i]] + poles[i] * damped[i]
            damped[i] = value if abs(value) > _NOTHING else 0.0
            total += damped[i]
        for channel in range(channels):
            heard = 0.0
            for i in range(count):
                heard += tap[channel, i] * damped[i]
            out[channel, n] = heard
        for i in range(count):
            entering = damped[i] - 2.0 / count * total
            for channel in range(channels):
                entering += feed[channel, i] * block[channel, n]
            lines[i, places[i]] = entering
            places[i] = (places[i] + 1) % lengths[i]
