"""`corpus`: material to train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lofigen_kit.cli.common import Json, Quiet, component, progress_bar, registry_of, show

if TYPE_CHECKING:
    from lofigen_kit.components import Source

app = typer.Typer(no_args_is_help=True, help="Make material to train on.")


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="corpus")


@app.command("make")
def make(
    ctx: typer.Context,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR")],
    minutes: Annotated[float, typer.Option(min=0.1, help="How much audio, at least.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    source: Annotated[str, typer.Option(help="Which source plays.")] = "beatmaker",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A field of the source: path=recordings."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Render a training corpus: songs at 8 kHz, their scores, and a manifest."""
    from lofigen_kit.training.corpus import make_corpus

    kind = cast("type[Source]", registry_of(ctx).find("source", source))
    player = component(kind, overrides or [], where="--set")
    with progress_bar(quiet=quiet or as_json) as bar:

        def report(done: float) -> None:
            if bar:
                bar("rendering", round(min(done, minutes) * 60), round(minutes * 60))

        manifest = make_corpus(output, player, minutes=minutes, seed=seed, progress=report)
    songs = len(manifest["songs"])
    show(
        manifest,
        [f"{output}  {songs} songs  {manifest['minutes']} min"],
        as_json=as_json,
        quiet=quiet,
    )
