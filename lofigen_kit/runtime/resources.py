"""Locations of bundled files (presets, checkpoints), and of files named in a preset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from lofigen_kit.errors import InputError
from lofigen_kit.runtime.names import to_text


def package_dir() -> Path:
    """Return the folder of the package, which contains its data."""
    return Path(__file__).resolve().parents[1]


def presets_dir() -> Path:
    """Return the folder of the bundled presets, in the installed package or in the checkout."""
    installed = package_dir() / "presets"
    return installed if installed.is_dir() else package_dir().parent / "presets"


def user_presets_dir() -> Path:
    """Return the user's preset folder, which may not exist."""
    import platformdirs

    return Path(platformdirs.user_config_dir("lofigen-kit", appauthor=False)) / "presets"


def find_evaluation(name: str) -> Path | None:
    """Return the JSON file of a bundled checkpoint's evaluation, or None if there is none."""
    installed = package_dir() / "evaluations"
    folder = installed if installed.is_dir() else package_dir().parent / "docs" / "checkpoints"
    path = folder / f"{name}.json"
    return path if path.is_file() else None


def resolve_inside(root: Path | None, path: str) -> Path:
    """Return the path of a file named in a preset; it must be inside the preset's folder.

    Args:
        root: The preset's folder; None for a path that the user typed, which may be anywhere.
        path: As written in the preset.

    Raises:
        InputError: for a path that is absolute or leaves the folder, also through a link.
    """
    if root is None:
        return Path(path)
    folder = root.resolve()
    # No path may contain a NUL: resolving it would raise.
    resolved = None if "\0" in path else (folder / path).resolve()
    if resolved is None or Path(path).is_absolute() or not resolved.is_relative_to(folder):
        raise InputError(
            f"{path!r} lies outside the preset's folder",
            remedy="put the file beside the preset and use a relative path",
        )
    return resolved


def _validate_inside(path: str, info: ValidationInfo) -> str:
    context = info.context or {}
    try:
        resolve_inside(context.get("root"), path)
    except InputError as error:
        raise ValueError(f"{error.message}; {error.remedy}") from None
    context.get("named", []).append(path)
    return path


def _accept_bytes(path: Any, check: ValidatorFunctionWrapHandler) -> str:
    """Accept the name of a file, such as the system gives it, whose bytes are no Unicode."""
    is_text = not isinstance(path, str) or to_text(path) == path
    return str(check(path)) if is_text else str(path)


PresetPath = Annotated[
    str,
    Field(min_length=1, max_length=4096),
    WrapValidator(_accept_bytes),
    AfterValidator(_validate_inside),
]
"""A path in a preset. Validation refuses one that leaves the preset's folder, if that is known.
Open it by `resolve_inside(ctx.root, path)`, which also checks where no preset was read."""
