"""The training curve, a CSV file beside the checkpoint: step, smoothed loss, seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lofigen_kit.runtime.files import write_atomic
from lofigen_kit.training.state import CURVE_COLUMNS

CURVE_EVERY = 100
"""Updates between two rows."""


def is_curve_step(step: int, steps: int) -> bool:
    """Return whether there is a row after so many updates of all."""
    return step == steps or step % CURVE_EVERY == 0


def get_curve_path(checkpoint: Path) -> Path:
    """Return where the curve of a checkpoint's training is."""
    return checkpoint.with_suffix(".csv")


def write_curve(checkpoint: Path, rows: Sequence[tuple[float, ...]]) -> None:
    """Write the whole curve."""
    lines = "".join(_format_row(row) for row in rows)
    write_atomic(get_curve_path(checkpoint), f"{','.join(CURVE_COLUMNS)}\n{lines}".encode())


def append_to_curve(checkpoint: Path, row: tuple[float, ...]) -> None:
    """Add a row at the end."""
    with get_curve_path(checkpoint).open("a") as file:
        file.write(_format_row(row))


def _format_row(row: tuple[float, ...]) -> str:
    step, loss, seconds = row
    return f"{step:.0f},{loss:.5f},{seconds:.1f}\n"
