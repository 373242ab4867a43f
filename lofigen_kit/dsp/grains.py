"""Grains: short sounds scattered over a long one, as crackle and rain are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

_DECAYS = 12.0
"""How many decays a damped tone lasts: to -74 dB of its peak."""


class GrainScatterer:
    """Lays grains over one block after another; one may ring on into the next.

    Args:
        channels: How many channels each block has.
    """

    def __init__(self, channels: int) -> None:
        self._ringing = np.zeros((channels, 0))

    def __call__(self, frames: int, grains: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
        """Return a block [shape=(channels, frames)].

        Args:
            frames: How long it is.
            grains: Each with its onset within the block [shape=(channels, its frames)].
        """
        grains = list(grains)
        end = max((onset + grain.shape[1] for onset, grain in grains), default=0)
        end = max(end, frames, self._ringing.shape[1])
        out = np.pad(self._ringing, ((0, 0), (0, end - self._ringing.shape[1])))
        for onset, grain in grains:
            out[:, onset : onset + grain.shape[1]] += grain
        self._ringing = out[:, frames:]
        return out[:, :frames]


def draw_onsets(
    rate_hz: float, frames: int, sample_rate_hz: int, rng: np.random.Generator
) -> np.ndarray:
    """Return when grains begin that come at random, independently of each other, in frames."""
    return rng.integers(0, frames, rng.poisson(rate_hz * frames / sample_rate_hz))


def log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    """Return a number between two that is as likely in each octave of them."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def damped_tone(
    frequency_hz: float, decay_s: float, phase: float, sample_rate_hz: int
) -> np.ndarray:
    """Return a tone that swells within one decay and dies away: a band about its frequency.

    Returns:
        np.ndarray [shape=(frames,)], with a peak of 1.
    """
    decays = np.arange(1, math.ceil(_DECAYS * decay_s * sample_rate_hz) + 1) / (
        decay_s * sample_rate_hz
    )
    tone = decays * np.exp(-decays) * np.sin(2.0 * np.pi * frequency_hz * decay_s * decays + phase)
    return np.asarray(tone / np.abs(tone).max())


def pan_mono(wave: np.ndarray, pan: float, channels: int) -> np.ndarray:
    """Return a sound between left (-1) and right (1) at equal power; in stereo only.

    Args:
        wave: [shape=(frames,)].
        pan: Where it is.
        channels: How many to return; unless two, all are alike.

    Returns:
        np.ndarray [shape=(channels, frames)]; in the middle as it was.
    """
    if channels != 2:
        return np.tile(wave, (channels, 1))
    return np.asarray(np.sqrt([[1.0 - pan], [1.0 + pan]]) * wave)
