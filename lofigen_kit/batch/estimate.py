"""Estimate the time and disk space of a batch from one take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from lofigen_kit.batch.plan import BatchPlan
from lofigen_kit.plugins.registry import Registry
from lofigen_kit.provenance.save import save
from lofigen_kit.render.take import render


@dataclass(frozen=True)
class Estimate:
    """The cost of one take of a batch.

    Attributes:
        seconds: Rendering time on one core. Takes that are generated side by side need less.
        size_bytes: Size of its files.
        sound_s: Duration of its sound, in seconds.
    """

    seconds: float
    size_bytes: int
    sound_s: float


def estimate(plan: BatchPlan, registry: Registry) -> Estimate:
    """Render two takes of a plan and measure the second; the first one includes compilation."""
    preset = plan.points[0].preset
    with TemporaryDirectory() as folder:
        for take in (0, 1):
            started = perf_counter()
            rendering = render(preset, take)
            save(rendering, Path(folder) / str(take) / f"a.{preset.output.format}", registry)
            seconds = perf_counter() - started
        size = sum(file.stat().st_size for file in (Path(folder) / "1").iterdir())
    return Estimate(seconds, size, rendering.audio.duration_s)
