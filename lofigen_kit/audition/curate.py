"""Take what was kept out of a folder of takes: copies, a playlist, credits, a ZIP to hand over.

Nothing is ever deleted. What was kept is copied with all that belongs to it; what was rejected may
be moved, and lies then where it was moved to.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from lofigen_kit.audio.metadata import AUDIO_SUFFIXES
from lofigen_kit.audition.decisions import Decision, Decisions, resolve_place
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

if TYPE_CHECKING:
    from lofigen_kit.plugins.registry import Registry

PLAYLIST = "playlist.m3u8"
SIDECAR_SUFFIXES = (".json", ".mid")
"""Suffixes of what belongs to a take and lies beside it: its recipe, its score."""

_WITHOUT_RECIPE = "without a recipe, and so on terms that are not known: "
_THEN = (1980, 1, 1, 0, 0, 0)
"""The first time that a ZIP can name: the same files give the same ZIP."""


@dataclass(frozen=True)
class KeptTake:
    """A take that something was decided of.

    Attributes:
        place: Where in its folder it lies, with `/`.
        stars: What it was given.
        facts: Its recipe; empty where it has none.
        files: It and what belongs to it, the take last: where in the folder they lie.
    """

    place: str
    stars: int
    facts: dict[str, Any]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Selection:
    """What was decided of a folder's takes.

    Attributes:
        kept: The best first.
        rejected: In the folder's order.
        failed: Why takes that were decided of are left alone, by place.
    """

    kept: tuple[KeptTake, ...]
    rejected: tuple[KeptTake, ...]
    failed: dict[str, str]


def select(folder: Path, decisions: Decisions, *, min_stars: int = 0) -> Selection:
    """Return what is to be kept and what was rejected.

    A take whose sound is another one than was decided of, by its recipe, is left alone.

    Args:
        folder: Where the takes lie.
        decisions: What was decided of them.
        min_stars: Keep those alone which have so many.

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
    """Refuse what `write_delivery` and `move` would refuse, before anything slow is done.

    Raises:
        InputError: if a file is there already, or cannot be made.
    """
    if chosen.kept:
        check_free(*_list_delivery_files(target, zip_path), force=force)
    if rejected_to:
        check_free(*_targets(chosen.rejected, rejected_to), force=False)


def copy(takes: Sequence[KeptTake], folder: Path, target: Path, *, force: bool = False) -> None:
    """Copy takes and what belongs to them, at their places, into another folder.

    A file that is there with the same bytes is left as it is.

    Raises:
        InputError: if another file is there and `force` is not set, or nothing can be written.
        RenderError: if the system fails while writing; no half-written file stays.
    """
    from lofigen_kit.runtime.files import copy_atomic

    files = [file for take in takes for file in take.files]
    wanted = [file for file in files if not _is_same(folder / file, target / file)]
    check_free(*(target / file for file in wanted), force=force)
    for file in wanted:
        with explain_write_errors(target / file):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            copy_atomic(folder / file, target / file)


def move(takes: Sequence[KeptTake], folder: Path, target: Path) -> None:
    """Move takes and what belongs to them, at their places, into another folder.

    Each take goes last, after what belongs to it: moving can be stopped and begun again.

    Raises:
        InputError: if a file of that name is there, or nothing can be written.
        RenderError: if the system fails; each file is then still where it was, or whole where it
            was moved to.
    """
    check_free(*_targets(takes, target), force=False)
    for file in (file for take in takes for file in take.files):
        with explain_write_errors(target / file):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            _move(folder / file, target / file)


def add_stems(
    take: KeptTake, target: Path, registry: Registry, *, threads: int = 1, force: bool = False
) -> KeptTake:
    """Render a copied take again, and write its stems and its score beside it.

    Args:
        take: One that was copied; one that has stems is returned as it is.
        target: The folder of the copies.
        registry: The components to choose from.
        threads: How many cores the engine may use.
        force: Overwrite what is there.

    Returns:
        Take: with its new files.

    Raises:
        LofigenError: if it has no recipe, or that gives another sound here.
    """
    from lofigen_kit.music.midi import to_midi
    from lofigen_kit.provenance.replay import render_again
    from lofigen_kit.runtime.files import write_atomic

    path = target / take.place
    if any(file.parent.name == get_stems_folder(path).name for file in take.files):
        return take
    preset, number, facts = load(path, registry)
    if facts.get("command") != "chain":
        raise InputError("it was processed, not rendered", where=path, remedy="leave --stems out")
    rendering = render_again(preset, number, facts, threads=threads, stems=True)
    if make_file_recipe(rendering, registry)["audio_sha256"] != facts.get("audio_sha256"):
        raise RenderError(
            "rendered again it sounds otherwise, so it gets no stems", where=path,
            remedy="see `lofigen-kit chain replay`",
        )  # fmt: skip
    stems = list_stem_files(path, rendering.stems)
    score = path.with_suffix(".mid")
    check_free(score, *stems, force=force)
    save_stems(rendering, path, force=force)
    with explain_write_errors(score):
        write_atomic(score, to_midi(rendering.score))
    new = {file.relative_to(target) for file in (score, *stems)}
    *beside, own = take.files
    return replace(take, files=(*sorted({*beside, *new}), own))


def make_playlist(takes: Iterable[KeptTake]) -> str:
    """Return an extended M3U in UTF-8, with titles and durations, for the takes' folder."""
    lines = ["#EXTM3U"]
    for take in takes:
        title = to_one_line(str(take.facts.get("title") or take.place))
        duration_s = take.facts.get("duration_s")
        seconds = round(duration_s) if isinstance(duration_s, int | float) else -1
        # A line that begins with # is a comment.
        place = f"./{take.place}" if take.place.startswith("#") else take.place
        lines += [f"#EXTINF:{seconds},{title}", place]
    return "\n".join(lines) + "\n"


def credits_for(takes: Sequence[KeptTake]) -> str:
    """Return what the takes were made from, and under which terms."""
    bare = [to_one_line(take.place) for take in takes if not take.facts]
    text = format_credits(_record(take.facts) for take in takes if take.facts)
    return text + "".join(f"{_WITHOUT_RECIPE}{place}\n" for place in bare)


def write_zip(path: Path, folder: Path, files: Iterable[Path]) -> None:
    """Write files into a ZIP, whole or not at all; the same files give the same ZIP.

    Args:
        path: The ZIP.
        folder: From where its members are named.
        files: Members, as they lie in the folder.

    Raises:
        OSError: as the system says it.
    """
    from shutil import copyfileobj

    from lofigen_kit.runtime.files import open_atomic

    with open_atomic(path) as file, ZipFile(file, "w", allowZip64=True) as packed:
        for member in files:
            info = ZipInfo(member.as_posix(), _THEN)
            # Sound gets no smaller, and texts do.
            is_sound = member.suffix.lower() in AUDIO_SUFFIXES
            info.compress_type = ZIP_STORED if is_sound else ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            info.file_size = (folder / member).stat().st_size
            with (folder / member).open("rb") as source, packed.open(info, "w") as into:
                copyfileobj(source, into, 1 << 20)


def write_delivery(
    takes: Sequence[KeptTake], target: Path, zip_path: Path | None, *, force: bool = False
) -> list[Path]:
    """Write the playlist and the credits beside copied takes, and a ZIP of it all.

    Returns:
        list[Path]: What was written.

    Raises:
        InputError: if a file is there and `force` is not set, or nothing can be written.
    """
    from lofigen_kit.runtime.files import write_atomic

    written = _list_delivery_files(target, zip_path)
    check_free(*written, force=force)
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
    return written


def _list_delivery_files(target: Path, zip_path: Path | None) -> list[Path]:
    return [target / PLAYLIST, target / CREDITS, *([zip_path] if zip_path else [])]


def _targets(takes: Iterable[KeptTake], target: Path) -> list[Path]:
    return [target / file for take in takes for file in take.files]


def _find_kept_take(folder: Path, place: str, decision: Decision) -> KeptTake:
    """Return a take with what belongs to it.

    Raises:
        LofigenError: if it is not there, or is another one than was decided of.
    """
    path = folder / place
    if "\n" in place or "\r" in place:
        raise InputError("no playlist can hold its name", where=path, remedy="rename it")
    if resolve_place(folder, place) is None:
        raise InputError("it is not there any more", where=path)
    facts = recipe.read(path) or {}
    if decision.audio_sha256 and decision.audio_sha256 != facts.get("audio_sha256"):
        raise InputError(
            "it is another sound than was decided of", where=path, remedy="listen to it again"
        )
    return KeptTake(place, decision.stars, facts, tuple(_files(folder, path)))


def _files(folder: Path, path: Path) -> Iterator[Path]:
    """Yield what belongs to a take, and it last; what another take shares is not its own."""
    twins = [path.with_suffix(suffix) for suffix in AUDIO_SUFFIXES]
    if not any(twin.exists() for twin in twins if twin != path):
        for file in (path.with_suffix(suffix) for suffix in SIDECAR_SUFFIXES):
            if file.is_file():
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
        copy_atomic(file, target)  # which the system has on disk when this returns
        if not _is_same(file, target):
            raise RenderError("was not copied whole", where=target) from None
        file.unlink()


def _record(facts: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe as a batch records a take."""
    licences = facts.get("licences")
    named = {"source": "unknown", "model": "unknown", **list_components(facts)}
    told = licences if isinstance(licences, dict) else {}
    terms = {part: to_one_line(str(told[part])) for part in named if part in told}
    return {"status": "done", "licences": terms, "made_with": named}
