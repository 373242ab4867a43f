"""Grains: short sounds at random times, of which crackle and rain are made."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

_DECAYS = 12.0
"""Length of a damped tone in decay times: it then is 74 dB below its peak."""


class GrainScatterer:
    """Mixes grains into block after block; a grain may continue in the next blocks.

    Args:
        channels: Number of channels.
    """

    def __init__(self, channels: int) -> None:
        self._overlap = np.zeros((channels, 0))

    def __call__(self, frames: int, grains: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
        """Return a block [shape=(channels, frames)].

        Args:
            frames: Length of the block.
            grains: Pairs of an onset within the block, in frames, and a grain
                [shape=(channels, grain frames)].
        """
        grains = list(grains)
        end = max((onset + grain.shape[1] for onset, grain in grains), default=0)
        end = max(end, frames, self._overlap.shape[1])
        out = np.pad(self._overlap, ((0, 0), (0, end - self._overlap.shape[1])))
        for onset, grain in grains:
            out[:, onset : onset + grain.shape[1]] += grain
        self._overlap = out[:, frames:]
        return out[:, :frames]


def draw_onsets(
    rate_hz: float, frames: int, sample_rate_hz: int, rng: np.random.Generator
) -> np.ndarray:
    """Return random onsets of a Poisson process in frames, unsorted [shape=(onsets,), dtype=int64].

    Args:
        rate_hz: Mean number of onsets per second.
        frames: Onsets are drawn from 0 to below this.
        sample_rate_hz: Sample rate.
        rng: The random generator.
    """
    return rng.integers(0, frames, rng.poisson(rate_hz * frames / sample_rate_hz))


def log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    """Return a random number from `low` to `high` (both above 0), equally likely in each octave."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def damped_tone(
    frequency_hz: float, decay_s: float, phase: float, sample_rate_hz: int
) -> np.ndarray:
    """Return a tone whose envelope is t * exp(-t): it peaks after one decay time and dies away.

    Args:
        frequency_hz: Frequency of the tone.
        decay_s: Decay time.
        phase: Phase of the sine in radians.
        sample_rate_hz: Sample rate.

    Returns:
        np.ndarray [shape=(frames,)], with a peak of 1.
    """
    decays = np.arange(1, math.ceil(_DECAYS * decay_s * sample_rate_hz) + 1) / (
        decay_s * sample_rate_hz
    )
    tone = decays * np.exp(-decays) * np.sin(2.0 * np.pi * frequency_hz * decay_s * decays + phase)
    return np.asarray(tone / np.abs(tone).max())


def pan_mono(wave: np.ndarray, pan: float, channels: int) -> np.ndarray:
    """Return a mono sound panned at equal power; other numbers of channels than 2 get equal copies.

    Args:
        wave: The sound [shape=(frames,)].
        pan: From -1 (left) to 1 (right); at 0 both channels equal `wave`.
        channels: Number of channels to return.

    Returns:
        np.ndarray [shape=(channels, frames)].
    """
    if channels != 2:
        return np.tile(wave, (channels, 1))
    return np.asarray(np.sqrt([[1.0 - pan], [1.0 + pan]]) * wave)
