"""Timing things in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Play = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """How long one thing took in each round.

    Attributes:
        wall_s: By the clock [shape=(rounds,)].
        cpu_s: Of all threads together [shape=(rounds,)].
    """

    wall_s: np.ndarray
    cpu_s: np.ndarray

    @property
    def median_s(self) -> float:
        """The median by the clock."""
        return float(np.median(self.wall_s))

    @property
    def median_cpu_s(self) -> float:
        """The median of the processor's time."""
        return float(np.median(self.cpu_s))


def interleave(
    plays: Sequence[Play], rounds: int, progress: Callable[[int, int], None] | None = None
) -> list[Times]:
    """Time each of `plays` once in every round.

    Args:
        plays: What to time, warmed up.
        rounds: How often.
        progress: Called with the plays done and the plays in all.

    Returns:
        list[Times]: One for each play.
    """
    seconds = np.empty((len(plays), 2, rounds))
    for turn in range(rounds):
        for index, play in enumerate(plays):
            seconds[index, :, turn] = time_call(play)
            if progress:
                progress(turn * len(plays) + index + 1, rounds * len(plays))
    return [Times(wall, cpu) for wall, cpu in seconds]


def time_call(play: Play) -> tuple[float, float]:
    """Return the wall and CPU time of one call, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    play()
    return time.perf_counter() - wall, time.process_time() - cpu


def calibrate(prepare: Callable[[int], Play], unit: int, seconds: float) -> tuple[Play, int]:
    """Warm up, and find how much work takes half to all of some seconds, or more at least work.

    Args:
        prepare: Returns what does a given amount of work.
        unit: The least amount; others are a power of two times it.
        seconds: By the clock.

    Returns:
        What does the work, and how much that is.
    """
    prepare(unit)()
    amount = unit
    while time_call(play := prepare(amount))[0] < seconds / 2:
        amount *= 2
    return play, amount


def compute_ratio(numerators: np.ndarray, denominators: np.ndarray) -> float:
    """Return the median over rounds of the ratio within a round."""
    return float(np.median(numerators / denominators))
