"""Where things are found: bundled presets and checkpoints, and files that a preset names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from lofigen_kit.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

Layers = tuple[tuple[int, int, int], ...]
"""A network's table: channels in, channels out and taps of each layer."""

_PACKAGE = Path(__file__).resolve().parents[1]
CHECKPOINT_SUFFIX = ".safetensors"


def presets_dir() -> Path:
    """Return the folder of bundled presets: in the installed package, or in the checkout."""
    installed = _PACKAGE / "presets"
    return installed if installed.is_dir() else _PACKAGE.parent / "presets"


def user_presets_dir() -> Path:
    """Return the user's own preset folder, which need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_dir("lofigen-kit", appauthor=False)) / "presets"


def checkpoints() -> dict[str, Path]:
    """Return the bundled checkpoints by name, `conv4-lofi-guided` for instance."""
    folder = _PACKAGE / "checkpoints"
    return {path.stem: path for path in sorted(folder.glob(f"*{CHECKPOINT_SUFFIX}"))}


def evaluation(name: str) -> Path | None:
    """Return what `evaluate` wrote of a bundled checkpoint, or None: it is kept with the docs."""
    installed = _PACKAGE / "evaluations"
    folder = installed if installed.is_dir() else _PACKAGE.parent / "docs" / "checkpoints"
    path = folder / f"{name}.json"
    return path if path.is_file() else None


def inside(root: Path | None, path: str) -> Path:
    """Return a file named in a preset; it may not lie outside the preset's folder.

    Args:
        root: The preset's folder; None for a path that the user typed, which may lie anywhere.
        path: As written in the preset.

    Raises:
        InputError: for a path that is absolute or leaves the folder, through a link too.
    """
    if root is None:
        return Path(path)
    folder = root.resolve()
    # A NUL is no part of any path, and resolving one raises.
    resolved = None if "\0" in path else (folder / path).resolve()
    if resolved is None or Path(path).is_absolute() or not resolved.is_relative_to(folder):
        raise InputError(
            f"{path!r} lies outside the preset's folder",
            remedy="put the file beside the preset and name it by a relative path",
        )
    return resolved


def _stays_inside(path: str, info: ValidationInfo) -> str:
    try:
        inside((info.context or {}).get("root"), path)
    except InputError as error:
        raise ValueError(f"{error.message}; {error.remedy}") from None
    return path


PresetPath = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_stays_inside)]
"""A file that a preset names: refused where it is written if it leaves the preset's folder.

Open it by `inside(ctx.root, path)`, which holds where no preset was read as well.
"""


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
    from lofigen_kit.nn import checkpoint as nn_checkpoint

    path = _find(variant, checkpoint, root)
    network = nn_checkpoint.load(path)
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


def _find(variant: str, checkpoint: str, root: Path | None) -> Path:
    if checkpoint.endswith(CHECKPOINT_SUFFIX):
        return inside(root, checkpoint)
    bundled = checkpoints()
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
