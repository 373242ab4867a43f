"""The crackle of a vinyl record."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lofigen_kit.dsp.decibels import db_to_gain
from lofigen_kit.dsp.grains import GrainScatterer, damped_tone, draw_onsets, log_uniform, pan_mono

_CRACKLE_HZ, _CRACKLE_DECAY_S = (1200.0, 7000.0), (0.00006, 0.00025)
_POP_HZ, _POP_DECAY_S = (120.0, 500.0), (0.0012, 0.004)
_CRACKLE_DB, _POP_DB = (0.0, 5.0), (9.0, 2.5)
"""Mean and standard deviation of the peaks in dB."""
_MAX_DEVIATIONS = 2.0
_MAX_OF_SAMPLE_RATE = 0.4


class Crackle:
    """Crackles and pops of random size, frequency and pan, generated block by block.

    Args:
        channels: Number of channels.
        sample_rate_hz: Sample rate.
        rng: The random generator.
    """

    def __init__(self, channels: int, sample_rate_hz: int, rng: np.random.Generator) -> None:
        self._channels = channels
        self._sample_rate_hz = sample_rate_hz
        self._rng = rng
        self._scatterer = GrainScatterer(channels)

    def __call__(
        self, frames: int, *, rate_hz: float, pop_rate_hz: float, frames_left: int | None = None
    ) -> np.ndarray:
        """Return a block [shape=(channels, frames)]; a crackle of median size has a peak of 1.

        Args:
            frames: Length of the block.
            rate_hz: Mean number of crackles per second.
            pop_rate_hz: Mean number of pops per second.
            frames_left: Frames until the sound ends: grains that would be cut off there are left
                out. None for an endless sound.
        """
        grains = [
            *self._draw_grains(rate_hz, frames, _CRACKLE_HZ, _CRACKLE_DECAY_S, _CRACKLE_DB),
            *self._draw_grains(pop_rate_hz, frames, _POP_HZ, _POP_DECAY_S, _POP_DB),
        ]
        if frames_left is not None:
            grains = [
                (onset, grain) for onset, grain in grains if onset + grain.shape[1] <= frames_left
            ]
        return self._scatterer(frames, grains)

    def _draw_grains(
        self,
        rate_hz: float,
        frames: int,
        frequencies_hz: tuple[float, float],
        decays_s: tuple[float, float],
        sizes_db: tuple[float, float],
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield grains with their onsets: one kind of them, by frequency, decay and size."""
        rng, max_hz = self._rng, _MAX_OF_SAMPLE_RATE * self._sample_rate_hz
        mean_db, deviation_db = sizes_db
        for onset in draw_onsets(rate_hz, frames, self._sample_rate_hz, rng):
            frequency_hz = min(log_uniform(*frequencies_hz, rng), max_hz)
            decay_s = log_uniform(*decays_s, rng)
            wave = damped_tone(
                frequency_hz, decay_s, rng.uniform(0, 2 * np.pi), self._sample_rate_hz
            )
            deviations = np.clip(rng.standard_normal(), -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
            wave *= db_to_gain(mean_db + deviation_db * deviations)
            yield int(onset), pan_mono(wave, rng.uniform(-0.8, 0.8), self._channels)
