"""Time functions in turn, in several rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Play = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """The times of one function.

    Attributes:
        wall_s: Wall time of each round [shape=(rounds,)].
        cpu_s: CPU time of all threads, of each round [shape=(rounds,)].
    """

    wall_s: np.ndarray
    cpu_s: np.ndarray

    @property
    def median_s(self) -> float:
        """The median of the wall time."""
        return float(np.median(self.wall_s))

    @property
    def median_cpu_s(self) -> float:
        """The median of the CPU time."""
        return float(np.median(self.cpu_s))


def interleave(
    plays: Sequence[Play], rounds: int, progress: Callable[[int, int], None] | None = None
) -> list[Times]:
    """Time each function once in every round.

    Args:
        plays: The functions, warmed up.
        rounds: The number of rounds.
        progress: Called with the number of finished calls and of all calls.

    Returns:
        list[Times]: the times of each function.
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
    """Warm up, and find the smallest amount of work that takes at least half of `seconds`.

    Args:
        prepare: Returns a function that does a given amount of work.
        unit: The smallest amount; others are a power of two times it.
        seconds: Wall time, in seconds.

    Returns:
        tuple: the function, and its amount of work.
    """
    prepare(unit)()
    amount = unit
    while time_call(play := prepare(amount))[0] < seconds / 2:
        amount *= 2
    return play, amount


def compute_ratio(numerators: np.ndarray, denominators: np.ndarray) -> float:
    """Return the median over rounds of the ratio within a round."""
    return float(np.median(numerators / denominators))
