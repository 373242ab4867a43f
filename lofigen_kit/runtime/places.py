"""Places: paths inside a folder, as a stranger's file may name them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath


def find_place_fault(place: str) -> str | None:
    """Return why a text is not a valid path inside a folder, or None if it is valid.

    Args:
        place: A relative path such as `warm/take3.wav`, with `/` on every system; line breaks and
            quotes are allowed.
    """
    parts = place.split("/")
    if "\\" in place or "\0" in place:
        return "has a backslash or a NUL"
    if parts[0] == "" or PureWindowsPath(place).drive:
        return "is not relative"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty part, `.` or `..`"
    return None


def find_name_fault(name: str) -> str | None:
    """Return why a text is not the name of one file or folder, or None if it is."""
    return "has a separator" if "/" in name else find_place_fault(name)


def is_inside(folder: Path, path: Path) -> bool:
    """Return whether a path lies in a folder, through all links; it need not exist."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a link to itself, a NUL
        return False


def resolve_place(folder: Path, place: str) -> Path | None:
    """Return the path of a file, or None if it is missing or a link leads out of the folder."""
    path = folder / place
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    return path if resolved.is_file() and resolved.is_relative_to(folder.resolve()) else None


def find_links_out(folder: Path) -> Iterator[Path]:
    """Yield the links in a folder and its subfolders that lead out of it."""
    for here, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(here, name)
            if path.is_symlink() and not is_inside(folder, path):
                yield path
