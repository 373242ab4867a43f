"""What moves while a sound goes by: parameters, and oscillators slower than sound."""

from __future__ import annotations

import numpy as np


class SmoothedValue:
    """A parameter on its way: from where the last block left it, in a straight line.

    Automation sets a parameter once a block. Taken as a step, a gain or a delay would click.
    """

    def __init__(self) -> None:
        self._last: float | None = None

    def __call__(self, value: float, frames: int) -> float | np.ndarray:
        """Return the parameter within a block; one number where it stands still.

        Args:
            value: Where it arrives with the block's last frame.
            frames: The block's length.
        """
        start = value if self._last is None else self._last
        self._last = value
        if start == value:
            return value
        return start + (value - start) * np.arange(1, frames + 1) / frames


class Lfo:
    """The phase of what goes round slowly, from 0 on, on and on from block to block.

    Args:
        rate_hz: Frames a second.
        loop_s: The length of the loop that it goes round with, if the sound is one.
    """

    def __init__(self, rate_hz: int, loop_s: float | None) -> None:
        self._rate_hz = rate_hz
        self._loop_s = loop_s
        self._turns = 0.0

    def __call__(self, cycles_hz: float, frames: int) -> np.ndarray:
        """Return the phase at each frame of a block, in radians [shape=(frames,)].

        Args:
            cycles_hz: How often a second it comes round.
            frames: The block's length.
        """
        step = loop_locked_rate(cycles_hz, self._loop_s) / self._rate_hz
        turns = self._turns + step * np.arange(frames)
        self._turns = (self._turns + step * frames) % 1.0
        return np.asarray(2.0 * np.pi * turns)


def loop_locked_rate(cycles_hz: float, loop_s: float | None) -> float:
    """Return the nearest rate at which a loop holds whole cycles, at least one; or the rate."""
    if loop_s is None:
        return cycles_hz
    return max(1, round(cycles_hz * loop_s)) / loop_s
