"""Copy the kept takes of a folder, with a playlist, credits and a ZIP.

Nothing is ever deleted. Kept takes are copied with all files that belong to them; rejected takes
may be moved to another folder.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from lofigen_kit.audio.metadata import AUDIO_SUFFIXES
from lofigen_kit.audition.decisions import Decision, Decisions
from lofigen_kit.errors import InputError, LofigenError, RenderError, to_one_line
from lofigen_kit.provenance import recipe
from lofigen_kit.provenance.licences import CREDITS, format_credits, list_components
from lofigen_kit.provenance.load import load
from lofigen_kit.provenance.save import (
    get_stems_folder,
    list_stem_files,
    make_file_recipe,
    save_stems,
)
from lofigen_kit.runtime.files import check_free, explain_write_errors
from lofigen_kit.runtime.locks import lock_folder
from lofigen_kit.runtime.places import resolve_place

if TYPE_CHECKING:
    from lofigen_kit.plugins.registry import Registry

PLAYLIST = "playlist.m3u8"
SIDECAR_SUFFIXES = (".json", ".mid")
"""Suffixes of the files beside a take that belong to it: its recipe and its score."""

_WITHOUT_RECIPE = "no recipe, so the licence is unknown: "
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date of a ZIP's members. It is used for all, so that the same files give the same
ZIP."""


@dataclass(frozen=True)
class KeptTake:
    """A take with a decision.

    Attributes:
        place: Its path inside the folder, with `/`.
        stars: Its stars, 0 to 5.
        facts: Its recipe; empty if it has none.
        files: The paths inside the folder of the files that belong to it; the take itself is last.
    """

    place: str
    stars: int
    facts: dict[str, Any]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Selection:
    """The kept and rejected takes of a folder.

    Attributes:
        kept: The kept takes, those with most stars first.
        rejected: The rejected takes, in the folder's order.
        failed: The errors of takes that are left alone, by place.
    """

    kept: tuple[KeptTake, ...]
    rejected: tuple[KeptTake, ...]
    failed: dict[str, str]


@contextmanager
def hold(folder: Path, *, create: bool = False) -> Iterator[None]:
    """Keep batches, and others who curate, out of a folder meanwhile.

    Args:
        folder: The folder; one that cannot be written to is only read, by anyone.
        create: Create it if it is missing; it is to be written to.

    Raises:
        InputError: if another process works in it, or it cannot be created.
    """
    if create:
        with explain_write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
    elif not os.access(folder, os.W_OK):
        yield
        return
    with lock_folder(folder):
        yield


def select(folder: Path, decisions: Decisions, *, min_stars: int = 0) -> Selection:
    """Return the kept and the rejected takes.

    A take whose audio hash is not that of the decision is left alone.

    Args:
        folder: The folder of the takes.
        decisions: The decisions.
        min_stars: Keep only takes with at least so many stars.

    Raises:
        InputError: if there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", where=folder, remedy="name a folder of takes")
    kept: list[KeptTake] = []
    rejected: list[KeptTake] = []
    failed = {}
    for place, decision in sorted(decisions.decisions.items()):
        is_kept = decision.verdict == "keep" and decision.stars >= min_stars
        if not is_kept and decision.verdict != "reject":
            continue
        try:
            take = _find_kept_take(folder, place, decision)
        except LofigenError as error:
            failed[place] = str(error)
            continue
        (kept if is_kept else rejected).append(take)
    kept.sort(key=lambda take: -take.stars)
    return Selection(tuple(kept), tuple(rejected), failed)


def check(
    chosen: Selection,
    target: Path,
    zip_path: Path | None,
    rejected_to: Path | None,
    *,
    force: bool = False,
) -> None:
    """Check in advance that `write_delivery` and `move` can write their files.

    Raises:
        InputError: if a file exists already, or cannot be created.
    """
    if chosen.kept:
        check_free(*_list_delivery_files(target, zip_path), force=force)
    if rejected_to:
        check_free(*_targets(chosen.rejected, rejected_to), force=False)


def copy(takes: Sequence[KeptTake], folder: Path, target: Path, *, force: bool = False) -> None:
    """Copy takes and the files that belong to them into another folder, with the same paths.

    An existing file with the same bytes is kept.

    Raises:
        InputError: if another file exists and `force` is not set, or the folder cannot be written.
        RenderError: if writing fails; no incomplete file stays.
    """
    from lofigen_kit.runtime.files import copy_atomic

    files = [file for take in takes for file in take.files]
    changed = [file for file in files if not _is_same(folder / file, target / file)]
    check_free(*(target / file for file in changed), force=force)
    for file in changed:
        with explain_write_errors(target / file):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            copy_atomic(folder / file, target / file)


def move(takes: Sequence[KeptTake], folder: Path, target: Path) -> None:
    """Move takes and the files that belong to them into another folder, with the same paths.

    Each take is moved after the files that belong to it, so an interrupted move can be repeated.

    Raises:
        InputError: if a file of that name exists, or the folder cannot be written.
        RenderError: if the system fails; each file is then complete, at its old or its new place.
    """
    check_free(*_targets(takes, target), force=False)
    for file in (file for take in takes for file in take.files):
        with explain_write_errors(target / file):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            _move(folder / file, target / file)


def add_stems(
    take: KeptTake, target: Path, registry: Registry, *, threads: int = 1, force: bool = False
) -> KeptTake:
    """Render a copied take again, and write its stems beside it, and its score if it has none.

    Args:
        take: A take that was copied; one that has stems already is returned unchanged.
        target: The folder of the copies.
        registry: The components to choose from.
        threads: How many cores the engine may use.
        force: Overwrite existing files.

    Returns:
        KeptTake: the take with its new files.

    Raises:
        LofigenError: if it has no recipe, or its recipe renders different audio here.
    """
    from lofigen_kit.music.midi import to_midi
    from lofigen_kit.provenance.replay import render_again
    from lofigen_kit.runtime.files import write_atomic

    path = target / take.place
    if any(file.parent.name == get_stems_folder(path).name for file in take.files):
        return take
    preset, number, facts = load(path, registry)
    if facts.get("command") != "chain":
        raise InputError(
            "the file was made by `process`, so it has no stems",
            where=path,
            remedy="leave out --stems",
        )
    rendering = render_again(preset, number, facts, threads=threads, stems=True)
    if make_file_recipe(rendering, registry)["audio_sha256"] != facts.get("audio_sha256"):
        raise RenderError(
            "rendering it again gives different audio, so it gets no stems", where=path,
            remedy="see `lofigen-kit chain replay`",
        )  # fmt: skip
    stems = list_stem_files(path, rendering.stems)
    *sidecars, audio = take.files
    score = path.with_suffix(".mid")
    scores = [] if score.relative_to(target) in sidecars else [score]
    check_free(*scores, *stems, force=force)
    save_stems(rendering, path, force=force)
    for score in scores:
        with explain_write_errors(score):
            write_atomic(score, to_midi(rendering.score))
    new = {file.relative_to(target) for file in (*scores, *stems)}
    return replace(take, files=(*sorted({*sidecars, *new}), audio))


def make_playlist(takes: Iterable[KeptTake]) -> str:
    """Return an extended M3U in UTF-8, with titles and durations, for the takes' folder."""
    lines = ["#EXTM3U"]
    for take in takes:
        title = to_one_line(str(take.facts.get("title") or take.place))
        duration_s = take.facts.get("duration_s")
        seconds = round(duration_s) if isinstance(duration_s, int | float) else -1
        # A line that starts with # would be a comment.
        place = f"./{take.place}" if take.place.startswith("#") else take.place
        lines += [f"#EXTINF:{seconds},{title}", place]
    return "\n".join(lines) + "\n"


def credits_for(takes: Sequence[KeptTake]) -> str:
    """Return the text of the credits: the sources and networks of the takes, and their licences."""
    without = [to_one_line(take.place) for take in takes if not take.facts]
    text = format_credits(_make_record(take.facts) for take in takes if take.facts)
    return text + "".join(f"{_WITHOUT_RECIPE}{place}\n" for place in without)


def write_zip(path: Path, folder: Path, files: Iterable[Path]) -> None:
    """Write files into a ZIP atomically; the same files give the same ZIP.

    Args:
        path: The ZIP.
        folder: The folder of its members.
        files: The members' paths inside the folder.

    Raises:
        OSError: if it cannot be written.
    """
    from shutil import copyfileobj

    from lofigen_kit.runtime.files import open_atomic

    with open_atomic(path) as file, ZipFile(file, "w", allowZip64=True) as packed:
        for member in files:
            info = ZipInfo(member.as_posix(), _ZIP_EPOCH)
            # Compression makes texts smaller, but not audio.
            is_sound = member.suffix.lower() in AUDIO_SUFFIXES
            info.compress_type = ZIP_STORED if is_sound else ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            info.file_size = (folder / member).stat().st_size
            with (folder / member).open("rb") as source, packed.open(info, "w") as into:
                copyfileobj(source, into, 1 << 20)


def write_delivery(
    takes: Sequence[KeptTake], target: Path, zip_path: Path | None, *, force: bool = False
) -> list[Path]:
    """Write the playlist and the credits beside copied takes, and a ZIP of all files.

    Returns:
        list[Path]: the written files.

    Raises:
        InputError: if a file exists and `force` is not set, or the folder cannot be written.
    """
    from lofigen_kit.runtime.files import write_atomic

    paths = _list_delivery_files(target, zip_path)
    check_free(*paths, force=force)
    texts = {target / PLAYLIST: make_playlist(takes), target / CREDITS: credits_for(takes)}
    for path, text in texts.items():
        with explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, text.encode())
    if zip_path:
        members = [path.relative_to(target) for path in texts]
        members += [file for take in takes for file in take.files]
        with explain_write_errors(zip_path):
            write_zip(zip_path, target, members)
    return paths


def _list_delivery_files(target: Path, zip_path: Path | None) -> list[Path]:
    return [target / PLAYLIST, target / CREDITS, *([zip_path] if zip_path else [])]


def _targets(takes: Iterable[KeptTake], target: Path) -> list[Path]:
    return [target / file for take in takes for file in take.files]


def _find_kept_take(folder: Path, place: str, decision: Decision) -> KeptTake:
    """Return a take with the files that belong to it.

    Raises:
        LofigenError: if it is missing, or its audio is not that of the decision.
    """
    path = folder / place
    if "\n" in place or "\r" in place:
        raise InputError(
            "a playlist cannot hold a name with a line break", where=path, remedy="rename it"
        )
    if resolve_place(folder, place) is None:
        raise InputError("the take is missing", where=path)
    facts = recipe.read(path) or {}
    if decision.audio_sha256 and decision.audio_sha256 != facts.get("audio_sha256"):
        raise InputError(
            "the audio has changed since the decision", where=path, remedy="listen to it again"
        )
    return KeptTake(place, decision.stars, facts, tuple(_files(folder, path)))


def _files(folder: Path, path: Path) -> Iterator[Path]:
    """Yield the files that belong only to this take, and then the take itself."""
    twins = [path.with_suffix(suffix) for suffix in AUDIO_SUFFIXES]
    if not any(twin.exists() for twin in twins if twin != path):
        for file in (path.with_suffix(suffix) for suffix in SIDECAR_SUFFIXES):
            if resolve_place(folder, file.relative_to(folder).as_posix()):
                yield file.relative_to(folder)
    stems = get_stems_folder(path)
    if stems.is_dir() and not stems.is_symlink():
        for stem in sorted(stems.iterdir()):
            if stem.is_file() and not stem.is_symlink():
                yield stem.relative_to(folder)
    yield path.relative_to(folder)


def _is_same(one: Path, other: Path) -> bool:
    import filecmp

    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def _move(file: Path, target: Path) -> None:
    from lofigen_kit.runtime.files import copy_atomic

    try:
        file.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_atomic(file, target)  # the data is on the disk when this returns
        if not _is_same(file, target):
            raise RenderError("the copy is not complete", where=target) from None
        file.unlink()


def _make_record(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a take that a batch would write, from an untrusted recipe."""
    data = facts.get("licences")
    data = data if isinstance(data, dict) else {}
    components = {"source": "unknown", "model": "unknown", **list_components(facts)}
    licences = {part: to_one_line(str(data[part])) for part in components if part in data}
    return {"status": "done", "licences": licences, "made_with": components}
