"""How generation grows from one thread to two, beside what the machine's cores give at all.

    python benchmarks/threads.py [--rounds 150]

Eight tracks in one thread and sixteen in two, conv4 and conv6, and between them a loop of plain
arithmetic. A shared machine may lend its second core for a moment and not for the next: so the
rounds are told apart in which the plain loop ran nearly twice as fast on two, before and after.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from lofigen_kit.bench.generation import make_random_network
from lofigen_kit.engine import Track
from lofigen_kit.engine.compiled_stream import CompiledDecoder
from lofigen_kit.nn.spec import make_stack_spec
from lofigen_kit_plugins.conv4 import Conv4
from lofigen_kit_plugins.conv6 import Conv6
from lofigen_kit_plugins.temperature import Temperature

GUIDE = tuple(f"plays.{number}" for number in range(35))
LANES = 8
STEPS = {Conv4: 2048, Conv6: 384}
SPINS = 600
TWO_CORES = 1.9

Pair = tuple[Callable[[], object], Callable[[], object]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=150)
    rounds = parser.parse_args().rounds
    spin(1)
    pairs: dict[str, Pair] = {"plain arithmetic": (lambda: spin(SPINS), lambda: spin(SPINS))}
    for variant, steps in STEPS.items():
        pairs[variant.name()] = (playing(variant, steps, 0), playing(variant, steps, 1))
    with ThreadPoolExecutor(2) as pool:
        found = [[scaling(pool, pair) for pair in pairs.values()] for _ in range(rounds)]
    two = [row for row, after in pairwise(found) if min(row[0], after[0]) >= TWO_CORES]
    for name, rows in (("all rounds", found), (f"both cores there ({len(two)} rounds)", two)):
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        told = ", ".join(f"{pair} {x:.2f}" for pair, x in zip(pairs, medians, strict=False))
        print(f"{name}: two threads over one: {told or 'none'}")


def playing(variant: type[Conv4 | Conv6], steps: int, first: int) -> Callable[[], object]:
    """Return what plays on for some steps, in eight lanes."""
    stream = CompiledDecoder(
        make_random_network(make_stack_spec(variant.layers, guide=GUIDE)),
        Temperature(),
        lanes=LANES,
    )
    for lane in range(LANES):
        stream.prime(Track(10**9, rng=np.random.default_rng((first, lane))), lane)
    stream.run(128)
    return lambda: stream.run(steps)


def scaling(pool: ThreadPoolExecutor, pair: Pair) -> float:
    """Return how many times as fast both go at once as one after the other."""
    alone = sum(timed(pool, one) for one in pair)
    return alone / timed(pool, *pair)


def timed(pool: ThreadPoolExecutor, *work: Callable[[], object]) -> float:
    """Return how long it takes until all is done."""
    started = time.perf_counter()
    for future in [pool.submit(one) for one in work]:
        future.result()
    return time.perf_counter() - started


def spin(count: int) -> None:
    """Do arithmetic that needs no memory but the nearest; a hash lets go of the interpreter."""
    block = bytes(1 << 16)
    for _ in range(count):
        hashlib.sha256(block)


if __name__ == "__main__":
    main()
