"""`corpus`: songs to train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lofigen_kit.cli.common import (
    Json,
    Overrides,
    Quiet,
    RootOptions,
    load_registry,
    parse_component,
    progress_bar,
    show,
)
from lofigen_kit.errors import InputError
from lofigen_kit.plugins import defaults

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Source
    from lofigen_kit.corpus.build import Workers
    from lofigen_kit.corpus.songs import CorpusFormat
    from lofigen_kit.plugins.registry import Registry

MINUTES = 60.0
app = typer.Typer(no_args_is_help=True, help="Make songs to train on.")
WorkerCount = Annotated[int, typer.Option("--workers", min=1, max=256, help="Number of processes.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="corpus")


@app.command("make")
def make(
    ctx: typer.Context,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of the corpus.")
    ],
    minutes: Annotated[
        float | None,
        typer.Option(min=0.1, help="Minutes of audio, at least. [default: 60; with --input: all]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what the source plays.")] = 0,
    source: Annotated[str, typer.Option(help="The source that plays the songs.")] = defaults.SOURCE,
    overrides: Overrides = None,
    input_folder: Annotated[
        Path | None,
        typer.Option(
            "--input", metavar="DIR", help="Take your own recordings instead of a source."
        ),
    ] = None,
    licence: Annotated[
        str, typer.Option(help="Licence of the recordings: an SPDX name, such as CC0-1.0.")
    ] = "unknown",
    rate_hz: Annotated[
        int,
        typer.Option("--rate", min=4000, max=48_000, help="Frames a second: the network's rate."),
    ] = 8000,
    by_part: Annotated[
        bool,
        typer.Option(
            "--parts", help="Make each part a song of its own, for a network that plays parts."
        ),
    ] = False,
    workers: WorkerCount = 1,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a training corpus: songs at the network's rate, their scores, and a manifest.

    If it was stopped, the same command goes on where it was.
    """
    from lofigen_kit.corpus.songs import CorpusFormat

    registry = load_registry(ctx)
    processes = make_workers(ctx, workers)
    if input_folder:
        if by_part:
            raise InputError("recordings have no parts", where="--parts", remedy="leave it out")
        if overrides:
            raise InputError("recordings have no settings", where="--set", remedy="leave it out")
        manifest = _make_recorded_corpus(
            input_folder, output,
            licence=licence, minutes=minutes, rate_hz=rate_hz, workers=processes,
            quiet=quiet or as_json,
        )  # fmt: skip
    else:
        if licence != "unknown":
            raise InputError(
                "a source has its own licence", where="--licence", remedy="leave it out"
            )
        player = make_source(registry, source, overrides or [])
        manifest = _render(
            player, output,
            minutes=minutes or MINUTES, seed=seed, form=CorpusFormat(rate_hz, by_part),
            workers=processes, quiet=quiet or as_json,
        )  # fmt: skip
    songs = len(manifest["songs"])
    show(
        manifest,
        [f"{output}  {songs} songs  {manifest['minutes']} min"],
        as_json=as_json,
        quiet=quiet,
    )


def make_workers(ctx: typer.Context, count: int) -> Workers:
    """Return processes that load the same plugins as this one."""
    from lofigen_kit.corpus.build import Workers

    settings: RootOptions = ctx.obj
    return Workers(count, settings.plugin_dir)


def make_source(registry: Registry, name: str, overrides: list[str]) -> Source:
    """Return a source with some of its fields set."""
    kind = cast("type[Source]", registry.find("source", name))
    return parse_component(kind, overrides, where="--set")


def _render(
    player: Source,
    output: Path,
    *,
    minutes: float,
    seed: int,
    form: CorpusFormat,
    workers: Workers,
    quiet: bool,
) -> dict[str, Any]:
    from lofigen_kit.corpus.songs import make_corpus

    with progress_bar(quiet=quiet) as bar:

        def report(done: float) -> None:
            if bar:
                bar("rendering", round(min(done, minutes) * 60), round(minutes * 60))

        return make_corpus(
            output, player,
            minutes=minutes, seed=seed, form=form, workers=workers, progress=report,
        )  # fmt: skip


def _make_recorded_corpus(
    folder: Path,
    output: Path,
    *,
    licence: str,
    minutes: float | None,
    rate_hz: int,
    workers: Workers,
    quiet: bool,
) -> dict[str, Any]:
    from lofigen_kit.corpus.recordings import make_recordings_corpus

    with progress_bar(quiet=quiet) as bar:

        def report(_minutes: float, done: int, total: int) -> None:
            if bar:
                bar("analysing", done, total)

        return make_recordings_corpus(
            output, folder, licence=licence, minutes=minutes, rate_hz=rate_hz, workers=workers,
            progress=report,
        )  # fmt: skip
