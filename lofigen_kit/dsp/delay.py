"""A delay line with moving taps, processed block by block."""

from __future__ import annotations

import numpy as np

from lofigen_kit.dsp.interpolate import TAPS, read_at

SHORTEST_FRAMES = TAPS // 2
"""The shortest delay in frames: interpolation between frames looks this far ahead."""


class MovingDelay:
    """A delay line whose delay times move; that shifts the pitch (Doppler effect).

    It reads between frames by windowed-sinc interpolation; see `read_at`.

    Args:
        channels: Number of channels.
        longest_frames: The longest delay that will be requested.
    """

    def __init__(self, channels: int, longest_frames: float) -> None:
        self._past = np.zeros((channels, int(longest_frames) + TAPS), np.float32)

    def __call__(self, block: np.ndarray, delays: list[np.ndarray]) -> np.ndarray:
        """Return the sum of all voices [shape=(channels, frames)].

        Args:
            block: The input [shape=(channels, frames), dtype=float32].
            delays: For each voice, its delay in frames, from `SHORTEST_FRAMES` to `longest_frames`
                [shape=(channels, frames)].
        """
        past = self._past.shape[1]
        padded = np.concatenate([self._past, block], axis=1)
        self._past = padded[:, block.shape[1] :]
        frame_positions = past + np.arange(block.shape[1])
        return np.stack(
            [
                sum(
                    read_at(padded[channel, None], frame_positions - voice[channel])[0]
                    for voice in delays
                )
                for channel in range(len(block))
            ]
        )
