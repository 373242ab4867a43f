"""What the machine could do: how fast it reads memory, and how fast it multiplies and adds.

The same vectors as the engine's, in loops that do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lofigen_kit.bench.rounds import Play
from lofigen_kit.engine import simd
from lofigen_kit.engine.kernels import Array, entry
from lofigen_kit.engine.plan import WIDTH, allocate_aligned
from lofigen_kit.engine.simd import fma, load, load_rows, store_rows, zeros, zeros_like

BEYOND_CACHE = 1 << 28
"""Bytes that no cache holds."""

CHAINS = 4 if simd.IN_ONE_REGISTER else 2
"""Twice as many vectors are summed side by side: they hide an addition's latency, and fit."""

SPAN = 2 * CHAINS * WIDTH
"""Floats in one turn of either loop."""

TURNS = 1 << 16


@entry
def read(numbers: Array, passes: int, sums: Array) -> None:
    """Sum an array some times."""
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
    """Do `SPAN` multiply-adds a turn, without leaving the registers."""
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
    """Return what prepares some passes over an array, on each thread.

    Args:
        numbers: On a cache line [shape=(n,), dtype=float32].
        threads: How many read at once.
    """
    return lambda passes: _run_on_threads(
        lambda: read(numbers, passes, allocate_aligned(SPAN)), threads
    )


def make_multiplier(threads: int) -> Callable[[int], Play]:
    """Return what prepares some `TURNS` of multiply-adds, on each thread."""
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
