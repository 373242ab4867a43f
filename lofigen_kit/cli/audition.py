"""`audition`: listen to a folder of takes, and choose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lofigen_kit.cli.common import Force, Json, Quiet, progress_bar, show, warn
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from lofigen_kit.audition.takes import SheetRow


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(audition)


def audition(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of takes.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="HTML", help="The page; by default DIR/audition.html."
        ),
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Put the audio into the page, as one file to send.")
    ] = False,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve the page on this machine instead of writing it, and save decisions.",
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port for --serve; 0 takes a free one.")
    ] = 0,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a web page to hear, compare and choose takes.

    The page loads nothing from the network. Decisions stay in the browser and can be downloaded as
    JSON; with --serve they are saved as DIR/decisions.json.
    """
    from lofigen_kit.audition.takes import find_takes, read_takes
    from lofigen_kit.runtime.files import check_free

    if serve and (output or embed):
        raise InputError(
            "--serve writes no page", where="--serve", remedy="leave out -o and --embed"
        )
    if port and not serve:
        raise InputError("--port needs --serve", where="--port", remedy="add --serve")
    path = output or folder / "audition.html"
    with progress_bar(quiet=quiet or as_json) as bar:
        places = find_takes(folder)
        if not serve:
            check_free(path, force=force)
        takes = read_takes(folder, places, progress=bar)
    if not quiet and not as_json:
        _warn_unreadable(takes)
    if serve:
        _serve(folder, takes, port, as_json=as_json)
        return
    size = _write(folder, takes, path, embed=embed)
    facts = {
        "path": str(path),
        "takes": len(takes),
        "unreadable": [{"place": t.place, "error": t.error} for t in takes if t.error],
        "flagged": sum(bool(take.flags or take.error) for take in takes),
        "bytes": size,
    }
    lines = [f"{path}  {len(takes)} takes, {facts['flagged']} flagged"]
    show(facts, lines, as_json=as_json, quiet=quiet)


def _warn_unreadable(takes: list[SheetRow]) -> None:
    for take in takes:
        if take.error:
            warn(f"{take.place}: {take.error}")


def _write(folder: Path, takes: list[SheetRow], path: Path, *, embed: bool) -> int:
    """Write the page and return its size."""
    from lofigen_kit.audition import page
    from lofigen_kit.runtime.files import explain_write_errors, write_atomic

    if embed:
        urls = page.embed_sounds(folder, takes)
        html = page.make_page(folder, takes, media=page.EMBEDDED, urls=urls).html.encode()
    else:
        urls = page.link_sounds(takes, _make_relative_path(path, folder))
        html = page.make_page(folder, takes, urls=urls).html.encode()
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, html)
    return len(html)


def _make_relative_path(path: Path, folder: Path) -> str:
    """Return the relative path from a page to a folder; empty where the page is in the folder."""
    try:
        relative = os.path.relpath(folder.resolve(), path.absolute().parent.resolve())
    except ValueError:  # two drives
        raise InputError(
            "the takes are on another drive",
            where=path,
            remedy="write the page on that drive, or use --embed",
        ) from None
    return "" if relative == "." else Path(relative).as_posix()


def _serve(folder: Path, takes: list[SheetRow], port: int, *, as_json: bool) -> None:
    from lofigen_kit.audition.server import Server

    with Server(folder, takes, port) as server:
        lines = [f"{server.url}  {len(takes)} takes; Ctrl-C stops the server"]
        show({"url": server.url, "takes": len(takes)}, lines, as_json=as_json)
        server.run()
