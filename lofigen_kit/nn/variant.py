"""The weights of a model variant: a bundled checkpoint or a file. It imports no numpy."""

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
    """Return the bundled checkpoints by name, such as `conv4-lofi-guided`."""
    folder = package_dir() / "checkpoints"
    return {path.stem: path for path in sorted(folder.glob(f"*{CHECKPOINT_SUFFIX}"))}


def load_network(variant: str, checkpoint: str, layers: Layers, *, root: Path | None) -> Network:
    """Return the network of a checkpoint, checked against the shape of the variant.

    Args:
        variant: Name of the variant, such as `conv4`.
        checkpoint: A bundled name, or a path ending in `.safetensors`.
        layers: The variant's table; the last layer's outputs are replaced by those of the head.
        root: The preset's folder, which a path may not leave; None allows any path.

    Raises:
        CheckpointError: if there is no such checkpoint, it is damaged, or it has another shape.
        InputError: if the path leaves the preset's folder.
    """
    from lofigen_kit.nn.checkpoint import load

    path = _find_checkpoint(variant, checkpoint, root)
    network = load(path)
    spec = network.spec
    table = [*layers[:-1], (layers[-1][0], spec.head_outputs, layers[-1][2])]
    shapes = [(layer.in_channels, layer.out_channels, layer.kernel) for layer in spec.layers]
    if len(shapes) != len(table):
        raise CheckpointError(
            f"it has {len(shapes)} layers, {variant} has {len(table)}", where=path
        )
    for index, (shape, expected) in enumerate(zip(shapes, table, strict=True)):
        if shape != expected:
            raise CheckpointError(
                f"tensor 'layers.{index}.weight' is {_stored_shape(shape)}, {variant} has "
                f"{_stored_shape(expected)}",
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
        available = [n.removeprefix(f"{variant}-") for n in bundled if n.startswith(f"{variant}-")]
        raise CheckpointError(
            f"there is no checkpoint {checkpoint!r} of {variant}",
            remedy=f"choose {', '.join(available)}"
            if available
            else "train one, or name a .safetensors",
        )
    return bundled[name]


def _stored_shape(layer: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the shape of a stored weight: (out, in, taps)."""
    return layer[1], layer[0], layer[2]
