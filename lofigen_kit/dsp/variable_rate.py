"""A sound that is heard in blocks: what came before each, and reading it at uneven places."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.dsp.interpolate import TAPS, read_within


class Lookback:
    """The last frames before each block, so that a filter may look back over its edge.

    Args:
        channels: How many channels each block has.
        frames: How many frames are kept; silence before the first block.
    """

    def __init__(self, channels: int, frames: int) -> None:
        self._kept = np.zeros((channels, frames), np.float32)

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a block with what came before it [shape=(channels, kept + frames)]."""
        heard = np.concatenate([self._kept, block], axis=1)
        self._kept = heard[:, block.shape[1] :]
        return heard


class VariableRateReader:
    """Reads a sound at uneven places as it comes, as `read_at` reads a whole one.

    It comes out `latency_frames` late. As for `read_at`, the sound is held at its first and last
    values beyond its ends.

    Args:
        sound: What is coming; without an end, it is held at its first value alone.
        reach: How far from where a frame would be read evenly it may be read, in frames.
    """

    def __init__(self, sound: AudioFormat, reach: int) -> None:
        self._frames = math.inf if sound.endless else sound.frames
        self._reach = reach
        self._late = self.latency_frames(reach)
        self._margin = self._late + reach + TAPS // 2
        self._kept: np.ndarray | None = None
        self._heard = 0

    @staticmethod
    def latency_frames(reach: int) -> int:
        """Return how many frames a reader of this reach is late."""
        return reach + TAPS // 2 + 1

    def __call__(
        self, block: np.ndarray, positions: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Return as long a block, read unevenly [shape=(channels, frames), dtype=float32].

        Args:
            block: [shape=(channels, frames)].
            positions: From frames' numbers, counted from the sound's first, to where in the sound
                each is to be read; what lies out of reach is read as near as can be.
        """
        count = block.shape[1]
        if self._kept is None:
            self._kept = np.repeat(block[:, :1], self._margin, axis=1)
        known = np.concatenate([self._kept, block], axis=1)
        end = self._margin + int(min(max(self._frames - self._heard, 0), count))
        known[:, end:] = known[:, end - 1 : end]
        frames = np.arange(self._heard, self._heard + count) - self._late
        wanted = positions(frames).clip(0, self._frames - 1)
        wanted = wanted.clip(frames - self._reach, frames + self._reach)
        places = wanted - (self._heard - self._margin)
        read = read_within(known, places)
        self._kept = known[:, count:]
        self._heard += count
        return read
