"""The crackle of a record."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lofigen_kit.dsp.decibels import db_to_gain
from lofigen_kit.dsp.grains import GrainScatterer, damped_tone, draw_onsets, log_uniform, pan_mono

_CRACKLE_HZ, _CRACKLE_DECAY_S = (1200.0, 7000.0), (0.00006, 0.00025)
_POP_HZ, _POP_DECAY_S = (120.0, 500.0), (0.0012, 0.004)
_CRACKLE_DB, _POP_DB = (0.0, 5.0), (9.0, 2.5)
"""Mean and deviation of their peaks."""
_WIDEST_DEVIATIONS = 2.0
_HIGHEST_OF_RATE = 0.4


class Crackle:
    """Crackles and pops, each of its own size, colour and side, block after block.

    Args:
        channels: How many channels each block has.
        sample_rate_hz: Frames a second.
        rng: What they are drawn from.
    """

    def __init__(self, channels: int, sample_rate_hz: int, rng: np.random.Generator) -> None:
        self._channels = channels
        self._sample_rate_hz = sample_rate_hz
        self._rng = rng
        self._scatter = GrainScatterer(channels)

    def __call__(
        self, frames: int, *, rate_hz: float, pop_rate_hz: float, room: int | None = None
    ) -> np.ndarray:
        """Return a block [shape=(channels, frames)]; a crackle of middling size has a peak of 1.

        Args:
            frames: How long it is.
            rate_hz: How many crackles there are in a second, on average.
            pop_rate_hz: How many pops.
            room: How many frames there are to the sound's end: what would be cut there is left
                out. None for a sound without an end.
        """
        grains = [
            *self._grains(rate_hz, frames, _CRACKLE_HZ, _CRACKLE_DECAY_S, _CRACKLE_DB),
            *self._grains(pop_rate_hz, frames, _POP_HZ, _POP_DECAY_S, _POP_DB),
        ]
        if room is not None:
            grains = [(onset, grain) for onset, grain in grains if onset + grain.shape[1] <= room]
        return self._scatter(frames, grains)

    def _grains(
        self,
        rate_hz: float,
        frames: int,
        frequencies_hz: tuple[float, float],
        decays_s: tuple[float, float],
        sizes_db: tuple[float, float],
    ) -> Iterator[tuple[int, np.ndarray]]:
        rng, highest_hz = self._rng, _HIGHEST_OF_RATE * self._sample_rate_hz
        mean_db, deviation_db = sizes_db
        for onset in draw_onsets(rate_hz, frames, self._sample_rate_hz, rng):
            frequency_hz = min(log_uniform(*frequencies_hz, rng), highest_hz)
            decay_s = log_uniform(*decays_s, rng)
            wave = damped_tone(
                frequency_hz, decay_s, rng.uniform(0, 2 * np.pi), self._sample_rate_hz
            )
            size = np.clip(rng.standard_normal(), -_WIDEST_DEVIATIONS, _WIDEST_DEVIATIONS)
            wave *= db_to_gain(mean_db + deviation_db * size)
            yield int(onset), pan_mono(wave, rng.uniform(-0.8, 0.8), self._channels)
