"""`curate`: copy the takes that were kept, and move those that were rejected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lofigen_kit.cli.common import (
    SOME_FAILED,
    Force,
    Json,
    Quiet,
    load_registry,
    progress_bar,
    show,
    warn,
)
from lofigen_kit.errors import InputError, LofigenError

if TYPE_CHECKING:
    from lofigen_kit.audition.curate import KeptTake
    from lofigen_kit.plugins.registry import Registry
    from lofigen_kit.runtime.progress import Progress


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(curate)


def curate(
    ctx: typer.Context,
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of takes.")],
    keep_to: Annotated[
        Path, typer.Option("--keep-to", metavar="DIR", help="Copy kept takes into this folder.")
    ],
    decisions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The decisions; by default DIR/decisions.json."),
    ] = None,
    stars: Annotated[
        int, typer.Option(min=0, max=5, help="Only kept takes with at least so many stars.")
    ] = 0,
    reject_to: Annotated[
        Path | None,
        typer.Option("--reject-to", metavar="DIR", help="Move rejected takes into this folder."),
    ] = None,
    stems: Annotated[
        bool,
        typer.Option("--stems", help="Render kept takes again to add their stems and MIDI."),
    ] = False,
    zipped: Annotated[
        bool, typer.Option("--zip/--no-zip", help="Pack the folder as KEEP-TO.zip.")
    ] = True,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Copy the kept takes, with a playlist, credits and a ZIP.

    Nothing is deleted: rejected takes stay where they are, unless --reject-to moves them. A take
    that is missing, or has changed since the decision, is reported and left alone; the exit code is
    then 3.
    """
    from lofigen_kit.audition import curate as curation
    from lofigen_kit.audition.decisions import NAME, read

    _check_apart(folder, keep_to, reject_to)
    decisions = decisions or folder / NAME
    with ExitStack() as locks:
        if folder.is_dir():
            locks.enter_context(curation.hold(folder))
        chosen = curation.select(folder, read(decisions), min_stars=stars)
        failed = dict(chosen.failed)
        for failure in failed.values():
            warn(failure)
        if not chosen.kept and not (chosen.rejected and reject_to):
            raise InputError(
                "no take was kept", where=decisions, remedy="keep a take, or lower --stars"
            )
        zip_path = keep_to.with_name(f"{keep_to.name}.zip") if zipped else None
        curation.check(chosen, keep_to, zip_path, reject_to, force=force)
        for target, takes in ((keep_to, chosen.kept), (reject_to, chosen.rejected)):
            if target and takes:
                locks.enter_context(curation.hold(target, create=True))
        curation.copy(chosen.kept, folder, keep_to, force=force)
        kept: Sequence[KeptTake] = chosen.kept
        if stems:
            with progress_bar(quiet=quiet or as_json) as bar:
                kept = _with_stems(kept, keep_to, load_registry(ctx), failed, bar, force=force)
        written = curation.write_delivery(kept, keep_to, zip_path, force=force) if kept else []
        if reject_to:
            curation.move(chosen.rejected, folder, reject_to)
    moved = len(chosen.rejected) if reject_to else 0
    show(
        {
            "kept": [take.place for take in kept],
            "rejected": [take.place for take in chosen.rejected],
            "moved": moved,
            "written": [str(path) for path in written],
            "failed": failed,
        },
        [f"{keep_to}: {len(kept)} kept", *map(str, written),
         *([f"{reject_to}: {moved} rejected"] if reject_to else [])],
        as_json=as_json,
        quiet=quiet,
    )  # fmt: skip
    if failed:
        raise typer.Exit(SOME_FAILED)


def _check_apart(folder: Path, *targets: Path | None) -> None:
    """Refuse folders of which two are the same.

    Raises:
        InputError: if two of them are the same.
    """
    paths = [path.resolve() for path in (folder, *targets) if path]
    if len(set(paths)) < len(paths):
        raise InputError(
            "two of the folders are the same", where=folder, remedy="name different folders"
        )


def _with_stems(
    kept: Sequence[KeptTake],
    target: Path,
    registry: Registry,
    failed: dict[str, str],
    progress: Progress | None,
    *,
    force: bool,
) -> list[KeptTake]:
    """Return the takes with stems and score added; a take that fails is reported and kept."""
    from lofigen_kit.audition.curate import add_stems

    result = []
    for number, take in enumerate(kept):
        if progress:
            progress("rendering stems", number, len(kept))
        try:
            threads = os.cpu_count() or 1
            result.append(add_stems(take, target, registry, threads=threads, force=force))
        except LofigenError as error:
            warn(str(error))
            failed[take.place] = str(error)
            result.append(take)
    return result
