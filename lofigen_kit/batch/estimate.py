"""What a batch will cost, by one take of it."""

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
    """What one take of a batch costs.

    Attributes:
        seconds: How long one core renders it. Takes that are played side by side cost less.
        size_bytes: How large its files are.
        sound_s: How long it is.
    """

    seconds: float
    size_bytes: int
    sound_s: float


def estimate(plan: BatchPlan, registry: Registry) -> Estimate:
    """Render the first two takes of a plan, and measure the second: the first one compiles."""
    preset = plan.points[0].preset
    with TemporaryDirectory() as folder:
        for take in (0, 1):
            started = perf_counter()
            rendering = render(preset, take)
            save(rendering, Path(folder) / str(take) / f"a.{preset.output.format}", registry)
            seconds = perf_counter() - started
        size = sum(file.stat().st_size for file in (Path(folder) / "1").iterdir())
    return Estimate(seconds, size, rendering.audio.duration_s)
