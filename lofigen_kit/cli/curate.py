"""`curate`: what becomes of takes that were decided of."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
        Path, typer.Option("--keep-to", metavar="DIR", help="Copy what was kept into this folder.")
    ],
    decisions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What was decided; by default DIR's own decisions.json."),
    ] = None,
    stars: Annotated[
        int, typer.Option(min=0, max=5, help="Of what was kept, only what has so many.")
    ] = 0,
    reject_to: Annotated[
        Path | None,
        typer.Option("--reject-to", metavar="DIR", help="Move what was rejected into this folder."),
    ] = None,
    stems: Annotated[
        bool,
        typer.Option("--stems", help="Render what was kept again, for its stems and its MIDI."),
    ] = False,
    zipped: Annotated[
        bool, typer.Option("--zip/--no-zip", help="Pack it all, as `<keep-to>.zip`.")
    ] = True,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Copy the takes that were kept, with a playlist, credits and a ZIP to hand over.

    Nothing is deleted: what was rejected stays, or is moved where --reject-to says. Where a take
    is not there any more, or is another one than was decided of, it is named and left alone, and
    the exit code is 3.
    """
    from lofigen_kit.audition import curate as curation
    from lofigen_kit.audition.decisions import NAME, read

    _check_apart(folder, keep_to, reject_to)
    decisions = decisions or folder / NAME
    chosen = curation.select(folder, read(decisions), min_stars=stars)
    failed = dict(chosen.failed)
    for failure in failed.values():
        warn(failure)
    if not chosen.kept and not (chosen.rejected and reject_to):
        raise InputError("nothing was kept", where=decisions, remedy="keep a take, or ask for less")
    zip_path = keep_to.with_name(f"{keep_to.name}.zip") if zipped else None
    curation.check(chosen, keep_to, zip_path, reject_to, force=force)
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
    """Refuse to copy or move takes onto themselves or each other."""
    places = [path.resolve() for path in (folder, *targets) if path]
    if len(set(places)) < len(places):
        raise InputError("the folders are one and the same", where=folder, remedy="name others")


def _with_stems(
    kept: Sequence[KeptTake],
    target: Path,
    registry: Registry,
    failed: dict[str, str],
    progress: Progress | None,
    *,
    force: bool,
) -> list[KeptTake]:
    """Return the takes with stems and score; those that get none are told of, and stay."""
    from lofigen_kit.audition.curate import add_stems

    whole = []
    for number, take in enumerate(kept):
        if progress:
            progress("rendering stems", number, len(kept))
        try:
            threads = os.cpu_count() or 1
            whole.append(add_stems(take, target, registry, threads=threads, force=force))
        except LofigenError as error:
            warn(str(error))
            failed[take.place] = str(error)
            whole.append(take)
    return whole
