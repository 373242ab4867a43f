"""Logs for TensorBoard, which is an extra."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Scalars = Callable[[int, dict[str, float]], None]


def start_logging(checkpoint: Path) -> Scalars | None:
    """Return a function that writes named numbers of a step; None without TensorBoard.

    Args:
        checkpoint: The model; the logs go into `MODEL_training/tensorboard` beside it.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    folder = checkpoint.with_name(f"{checkpoint.stem}_training") / "tensorboard"
    writer = SummaryWriter(str(folder))

    def write(step: int, numbers: dict[str, float]) -> None:
        for name, number in numbers.items():
            writer.add_scalar(name, number, step)
        writer.flush()

    return write
