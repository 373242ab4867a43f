"""How a batch grows with its workers, and what it costs besides the rendering.

    python benchmarks/batch.py [--takes 48] [--preset lofi-tape] [--rounds 3]

One worker and two, and the same takes in one process without any of it, in turn; medians. Let
nothing else run meanwhile. Each round renders into a new folder and keeps nothing for the next.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from lofigen_kit.plugins.loader import load_plugins
from lofigen_kit.preset.schema import load_preset
from lofigen_kit.provenance.save import save
from lofigen_kit.render.take import render_takes
from lofigen_kit.runtime.workers import limit_threads

BATCH_SIZE = 8
SKIPPED = 2 * BATCH_SIZE


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--takes", type=int, default=48)
    parser.add_argument("--preset", default="lofi-tape")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="local")
    chosen = parser.parse_args()
    limit_threads()
    cases: dict[str, Callable[[Path], float]] = {
        "no batch, one process": lambda folder: plain(folder, chosen.preset, chosen.takes),
        **{
            f"{chosen.engine}, {workers} workers": lambda folder, workers=workers: batch(
                folder, chosen.preset, chosen.takes, chosen.engine, workers
            )
            for workers in (1, 2)
        },
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(chosen.rounds):
        for name, measure in cases.items():
            with TemporaryDirectory() as folder:
                seconds[name].append(measure(Path(folder) / "beats"))
    for name, found in seconds.items():
        median = statistics.median(found)
        print(f"{name:24} {median:7.2f} s  {3600 * chosen.takes / median:7.0f} beats an hour")
    _, one, two = seconds.values()
    plain_s, *_ = seconds.values()
    ratio = statistics.median(a / b for a, b in zip(one, two, strict=True))
    over = statistics.median(b / a - 1 for a, b in zip(plain_s, one, strict=True))
    print(f"two workers over one: {ratio:.2f}; one worker over none: {100 * over:+.1f} %")


def plain(folder: Path, name: str, takes: int) -> float:
    """Render in this process, and return how long it took once everything was loaded."""
    registry = load_plugins()
    preset = load_preset(name, registry=registry)
    list(render_takes(preset, [0]))
    started = time.perf_counter()
    for first in range(0, takes, BATCH_SIZE):
        for rendering in render_takes(preset, range(first, min(first + BATCH_SIZE, takes))):
            save(rendering, folder / f"{rendering.take}.wav", registry)
    return time.perf_counter() - started


def batch(folder: Path, name: str, takes: int, engine: str, workers: int) -> float:
    """Run a batch, and return how long its takes took once every worker was at its second group.

    What a process needs to begin, some seconds, is the same for any number of takes.
    """
    words = [sys.executable, "-m", "lofigen_kit", "batch", name, "-n", str(takes + SKIPPED),
             "-o", str(folder), "--engine", engine, "--workers", str(workers), "--no-cache",
             "--batch-size", str(BATCH_SIZE), "--json"]  # fmt: skip
    times = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603
        for line in running.stdout or ():
            assert json.loads(line)["status"] == "done"  # noqa: S101
            times.append(time.perf_counter())
    return times[-1] - times[SKIPPED - 1]


if __name__ == "__main__":
    main()
