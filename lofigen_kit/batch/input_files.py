"""Find the sounds in folders of others, and leave out what lies beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lofigen_kit.audio.files import read_duration_s
from lofigen_kit.audio.metadata import AUDIO_SUFFIXES
from lofigen_kit.errors import AudioError, InputError
from lofigen_kit.provenance.save import STEMS

SOUND_SUFFIXES = frozenset((
    *AUDIO_SUFFIXES, ".aac", ".aif", ".aifc", ".aiff", ".alac", ".ape", ".au", ".caf", ".m4a",
    ".mp2", ".oga", ".opus", ".rf64", ".snd", ".w64", ".wma", ".wv",
))  # fmt: skip
"""What is called so is meant to be a sound: where it cannot be read, that is told as a failure."""


@dataclass(frozen=True)
class FoundFiles:
    """What was found in files and folders.

    Attributes:
        sounds: Each sound, with its path in the folder in which it was found.
        left_out: What is no sound, or is not searched, with the reason.
        in_folder: Whether a folder was searched.
    """

    sounds: list[tuple[Path, Path]] = field(default_factory=list)
    left_out: dict[Path, str] = field(default_factory=dict)
    in_folder: bool = False


def find_files(inputs: Iterable[Path], output: Path) -> FoundFiles:
    """Return the sounds in files and folders; a folder's structure is kept.

    Hidden files and the output folder itself are passed over. What is no sound by its content and
    not called one is left out, and so are the stems of a take beside them. Links to folders are
    followed; each folder is searched once.

    Args:
        inputs: Audio files and folders.
        output: The folder to write into.

    Raises:
        InputError: for a folder without sounds.
    """
    found = FoundFiles(in_folder=False)
    for path in inputs:
        if not path.is_dir():
            found.sounds.append((path, Path(path.name)))
            continue
        found = FoundFiles(found.sounds, found.left_out, in_folder=True)
        sounds = sorted(_find_sounds(path, output, found.left_out))
        if not sounds:
            raise InputError("the folder holds no sound", where=path, remedy="name another one")
        found.sounds.extend((sound, sound.relative_to(path)) for sound in sounds)
    return found


def _find_sounds(folder: Path, output: Path, left_out: dict[Path, str]) -> Iterator[Path]:
    for path in _walk(folder, output.resolve(), left_out):
        if reason := _find_reason(path):
            left_out[path] = reason
        else:
            yield path


def _walk(folder: Path, output: Path, left_out: dict[Path, str]) -> Iterator[Path]:
    """Yield the files below a folder; folders of its own first, and then those that links lead to.

    Each folder is searched once, so a link that leads back to one is left out.
    """
    seen = {output} - {folder.resolve()}
    waiting, links = [folder], list[Path]()
    while waiting or links:
        here = waiting.pop() if waiting else links.pop(0)
        real = here.resolve()
        if real in seen:
            if real != output:  # the results of other runs
                left_out[here] = "it links to a folder that is searched already"
            continue
        seen.add(real)
        try:
            names = sorted(name for name in os.listdir(here) if not name.startswith("."))  # noqa: PTH208
        except OSError as error:
            left_out[here] = f"the folder cannot be read ({error.strerror})"
            continue
        for path in (here / name for name in names):
            if not os.path.isdir(path):  # noqa: PTH112 - pathlib raises where it may not look
                yield path
            elif path.name.endswith(STEMS) and _is_of_take(path):
                left_out[path] = "it holds the stems of a take"
            else:
                (links if path.is_symlink() else waiting).append(path)


def _is_of_take(stems: Path) -> bool:
    take = stems.with_name(stems.name.removesuffix(STEMS))
    return any(take.with_name(take.name + suffix).is_file() for suffix in AUDIO_SUFFIXES)


def _find_reason(path: Path) -> str | None:
    """Return why a file in a folder is no sound, or None if it is one, or is meant to be."""
    # pathlib raises where a folder may not be entered.
    if not os.path.exists(path):  # noqa: PTH110
        return "the link leads nowhere, or the file may not be read"
    if not os.path.isfile(path):  # noqa: PTH113
        return "it is a device"
    if path.suffix.lower() in SOUND_SUFFIXES:
        return None
    try:
        read_duration_s(path)
    except AudioError as error:
        return error.message
    return None
