"""Which weights a variant plays: a bundled checkpoint by its name, or a file. Imports no numpy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lofigen_kit.errors import CheckpointError
from lofigen_kit.nn.spec import Layers
from lofigen_kit.runtime.resources import package_dir, resolve_inside

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

CHECKPOINT_SUFFIX = ".safetensors"


def list_checkpoints() -> dict[str, Path]:
    """Return the bundled checkpoints by name, `conv4-lofi-guided` for instance."""
    folder = package_dir() / "checkpoints"
    return {path.stem: path for path in sorted(folder.glob(f"*{CHECKPOINT_SUFFIX}"))}


def load_network(variant: str, checkpoint: str, layers: Layers, *, root: Path | None) -> Network:
    """Return a checkpoint's network, if it is of the variant's shape.

    Args:
        variant: `conv4`, for instance.
        checkpoint: A bundled name, or a path ending in `.safetensors`.
        layers: The variant's table; its last layer's outputs are the head's.
        root: The preset's folder, which a path may not leave; None lets it.

    Raises:
        CheckpointError: if there is none of that name, it is damaged, or of another shape.
    """
    from lofigen_kit.nn.checkpoint import load

    path = _find_checkpoint(variant, checkpoint, root)
    network = load(path)
    spec = network.spec
    table = [*layers[:-1], (layers[-1][0], spec.head_outputs, layers[-1][2])]
    shapes = [(taps.in_channels, taps.out_channels, taps.kernel) for taps in spec.layers]
    if len(shapes) != len(table):
        raise CheckpointError(
            f"it has {len(shapes)} layers, {variant} has {len(table)}", where=path
        )
    for index, (found, declared) in enumerate(zip(shapes, table, strict=True)):
        if found != declared:
            raise CheckpointError(
                f"tensor 'layers.{index}.weight' is {_shape(found)}, {variant} has "
                f"{_shape(declared)}",
                where=path,
                remedy=f"name a checkpoint of {variant}: see `lofigen-kit models list`",
            )
    return network


def _find_checkpoint(variant: str, checkpoint: str, root: Path | None) -> Path:
    if checkpoint.endswith(CHECKPOINT_SUFFIX):
        return resolve_inside(root, checkpoint)
    bundled = list_checkpoints()
    name = f"{variant}-{checkpoint}"
    if name not in bundled:
        ours = [n.removeprefix(f"{variant}-") for n in bundled if n.startswith(f"{variant}-")]
        raise CheckpointError(
            f"there is no checkpoint {checkpoint!r} of {variant}",
            remedy=f"there is {', '.join(ours)}" if ours else "train one, or name a .safetensors",
        )
    return bundled[name]


def _shape(layer: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return a weight's shape as it is stored: (out, in, taps)."""
    return layer[1], layer[0], layer[2]
