"""Reading a sound in blocks: the frames before each block, and reading at a variable rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lofigen_kit.audio.buffer import AudioFormat
from lofigen_kit.dsp.interpolate import TAPS, read_within


class Lookback:
    """Keeps the last frames before each block, so that a filter may look back over its edge.

    Args:
        channels: Number of channels.
        frames: Number of frames to keep; silence before the first block.
    """

    def __init__(self, channels: int, frames: int) -> None:
        self._past = np.zeros((channels, frames), np.float32)

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a block preceded by the kept frames [shape=(channels, kept + frames)]."""
        padded = np.concatenate([self._past, block], axis=1)
        self._past = padded[:, block.shape[1] :]
        return padded


class VariableRateReader:
    """Reads a sound at variable positions, block by block, as `read_at` reads a whole one.

    The output is delayed by `latency_frames(reach)`. Beyond its ends the sound is held at its first
    and last values.

    Args:
        sound: Format of the sound; an endless one is held only at its first value.
        reach: The greatest distance in frames between a position and its frame.
    """

    def __init__(self, sound: AudioFormat, reach: int) -> None:
        self._frames = math.inf if sound.endless else sound.frames
        self._reach = reach
        self._latency = self.latency_frames(reach)
        self._margin = self._latency + reach + TAPS // 2
        self._past: np.ndarray | None = None
        self._position = 0

    @staticmethod
    def latency_frames(reach: int) -> int:
        """Return the latency in frames of a reader of this reach."""
        return reach + TAPS // 2 + 1

    def __call__(
        self, block: np.ndarray, positions: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Return a block of the same length [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames)].
            positions: Takes frame numbers, counted from the first frame of the sound, and returns
                where to read for each; positions out of reach are limited to the reach.
        """
        count = block.shape[1]
        if self._past is None:
            self._past = np.repeat(block[:, :1], self._margin, axis=1)
        padded = np.concatenate([self._past, block], axis=1)
        end = self._margin + int(min(max(self._frames - self._position, 0), count))
        padded[:, end:] = padded[:, end - 1 : end]
        frames = np.arange(self._position, self._position + count) - self._latency
        targets = positions(frames).clip(0, self._frames - 1)
        targets = targets.clip(frames - self._reach, frames + self._reach)
        offsets = targets - (self._position - self._margin)
        read = read_within(padded, offsets)
        self._past = padded[:, count:]
        self._position += count
        return read
