"""Measure the machine's upper limits: memory bandwidth, and multiply-adds in a second.

The loops use the engine's vector operations and do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lofigen_kit.bench.rounds import Play
from lofigen_kit.engine import simd
from lofigen_kit.engine.compiling import entry
from lofigen_kit.engine.kernels import Array
from lofigen_kit.engine.plan import WIDTH, allocate_aligned
from lofigen_kit.engine.simd import fma, load, load_rows, store_rows, zeros, zeros_like

BEYOND_CACHE = 1 << 28
"""The size of an array that is larger than any cache, in bytes."""

CHAINS = 4 if simd.IN_ONE_REGISTER else 2
"""Half the number of vectors that are summed in parallel: enough to hide the latency of an
addition, and few enough for the registers."""

SPAN = 2 * CHAINS * WIDTH
"""Floats in one iteration of either loop."""

TURNS = 1 << 16


@entry
def read(numbers: Array, passes: int, sums: Array) -> None:
    """Sum an array `passes` times."""
    like = zeros(CHAINS)
    a = zeros_like(like)
    b = zeros_like(like)
    for _ in range(passes):
        for i in range(0, len(numbers) - SPAN + 1, SPAN):
            a = a + load_rows(like, numbers, i, WIDTH)
            b = b + load_rows(like, numbers, i + SPAN // 2, WIDTH)
    store_rows(sums, 0, WIDTH, a + b)


@entry
def multiply_add(turns: int, sums: Array) -> None:
    """Do `SPAN` multiply-adds in each turn, only in registers."""
    like = zeros(CHAINS)
    x = load(sums, 0)
    a = load_rows(like, sums, 0, WIDTH)
    b = load_rows(like, sums, SPAN // 2, WIDTH)
    for _ in range(turns):
        a = fma(x, x, a)
        b = fma(x, x, b)
    store_rows(sums, 0, WIDTH, a)
    store_rows(sums, SPAN // 2, WIDTH, b)


def make_reader(numbers: np.ndarray, threads: int) -> Callable[[int], Play]:
    """Return a function that prepares a number of passes over an array, on each thread.

    Args:
        numbers: Aligned to a cache line [shape=(n,), dtype=float32].
        threads: The number of threads that read at the same time.
    """
    return lambda passes: _run_on_threads(
        lambda: read(numbers, passes, allocate_aligned(SPAN)), threads
    )


def make_multiplier(threads: int) -> Callable[[int], Play]:
    """Return a function that prepares multiples of `TURNS` turns of `multiply_add`, per thread."""
    return lambda times: _run_on_threads(lambda: multiply_add(times * TURNS, _small()), threads)


def _small() -> np.ndarray:
    numbers = allocate_aligned(SPAN)
    numbers[:] = np.linspace(1e-3, 2e-3, SPAN)
    return numbers


def _run_on_threads(play: Play, threads: int) -> Play:
    def plays() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: play(), range(threads)))

    return plays
