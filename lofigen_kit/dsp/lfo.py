"""Modulation: smoothed parameters and low-frequency oscillators."""

from __future__ import annotations

import numpy as np


class SmoothedValue:
    """A parameter that moves in a straight line from its value in the last block to the new one.

    Automation sets a parameter once per block. Without smoothing, a step of a gain or a delay would
    click.
    """

    def __init__(self) -> None:
        self._last: float | None = None

    def __call__(self, value: float, frames: int) -> float | np.ndarray:
        """Return the parameter in a block [shape=(frames,)], or one number where it does not move.

        Args:
            value: The value at the block's last frame.
            frames: Length of the block.
        """
        start = value if self._last is None else self._last
        self._last = value
        if start == value:
            return value
        return start + (value - start) * np.arange(1, frames + 1) / frames


class Lfo:
    """The phase of a low-frequency oscillator, continued from block to block; it starts at 0.

    Args:
        rate_hz: Sample rate.
        loop_s: Length of the loop in seconds: the oscillator then makes whole cycles in it. None
            for a sound that is not a loop.
    """

    def __init__(self, rate_hz: int, loop_s: float | None) -> None:
        self._rate_hz = rate_hz
        self._loop_s = loop_s
        self._cycles = 0.0

    def __call__(self, cycles_hz: float, frames: int) -> np.ndarray:
        """Return the phase at each frame of a block, in radians [shape=(frames,)].

        Args:
            cycles_hz: Frequency of the oscillator.
            frames: Length of the block.
        """
        step = loop_locked_rate(cycles_hz, self._loop_s) / self._rate_hz
        cycles = self._cycles + step * np.arange(frames)
        self._cycles = (self._cycles + step * frames) % 1.0
        return np.asarray(2.0 * np.pi * cycles)


def loop_locked_rate(cycles_hz: float, loop_s: float | None) -> float:
    """Return the rate nearest to `cycles_hz` with whole cycles, at least one, in a loop.

    Args:
        cycles_hz: The rate in Hz.
        loop_s: Length of the loop in seconds; None returns the rate as it is.
    """
    if loop_s is None:
        return cycles_hz
    return max(1, round(cycles_hz * loop_s)) / loop_s
