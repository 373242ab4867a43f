"""A sound as it was a while ago, on from block to block."""

from __future__ import annotations

import numpy as np

from lofigen_kit.dsp.interpolate import TAPS, read_at

SHORTEST_FRAMES = TAPS // 2
"""Reading between frames looks this far ahead."""


class MovingDelay:
    """What is heard from a delay whose length moves, which bends the pitch.

    Args:
        channels: How many there are.
        longest_frames: The longest delay that will be asked for.
    """

    def __init__(self, channels: int, longest_frames: float) -> None:
        self._past = np.zeros((channels, int(longest_frames) + TAPS), np.float32)

    def __call__(self, block: np.ndarray, delays: list[np.ndarray]) -> np.ndarray:
        """Return what is heard, one voice over another [shape=(channels, frames)].

        Args:
            block: What goes in [shape=(channels, frames), dtype=float32].
            delays: For each voice, its delay in frames, no shorter than SHORTEST_FRAMES
                [shape=(channels, frames)].
        """
        past = self._past.shape[1]
        heard = np.concatenate([self._past, block], axis=1)
        self._past = heard[:, block.shape[1] :]
        now = past + np.arange(block.shape[1])
        return np.stack(
            [
                sum(read_at(heard[channel, None], now - voice[channel])[0] for voice in delays)
                for channel in range(len(block))
            ]
        )
