"""`train`: from a corpus to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from lofigen_kit.cli.common import Json, Quiet, progress_bar, registry_of, show
from lofigen_kit.errors import InputError

if TYPE_CHECKING:
    from lofigen_kit.components import Model

Head = Literal["mol", "mulaw", "mse"]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(train)


def train(
    ctx: typer.Context,
    *,
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="A folder of `corpus make`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL.safetensors")],
    model: Annotated[str, typer.Option(help="Which variant: conv4, conv6 or conv8.")] = "conv4",
    head: Annotated[Head, typer.Option(help="What the network says of a sample.")] = "mol",
    mixtures: Annotated[int, typer.Option(min=1, max=64, help="Logistics of a mol head.")] = 10,
    guide: Annotated[bool, typer.Option(help="Follow the scores.")] = True,
    steps: Annotated[int, typer.Option(min=1, help="Updates.")] = 10_000,
    batch: Annotated[int, typer.Option(min=1, help="Crops in an update.")] = 8,
    window: Annotated[int, typer.Option(min=1, help="Frames of a crop that are judged.")] = 4096,
    learning_rate: Annotated[float, typer.Option(min=0, help="Adam's peak rate.")] = 1e-3,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="MODEL", help="Go on from this model.")
    ] = None,
    rehearse_every: Annotated[
        int,
        typer.Option(min=0, help="Updates between two rounds of learning from its own playing."),
    ] = 0,
    rehearsal_temperature: Annotated[
        float, typer.Option(min=0, max=2, help="Of its sampling while it plays.")
    ] = 0.9,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
    licence: Annotated[str, typer.Option(help="The licence of the weights.")] = "CC0-1.0",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the model.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on a corpus; a checkpoint is written every five minutes and at the end."""
    import torch

    from lofigen_kit.guide import channel_names
    from lofigen_kit.nn.checkpoint import load
    from lofigen_kit.nn.spec import stack
    from lofigen_kit.recipe import check_free
    from lofigen_kit.training.corpus import describe, read_songs
    from lofigen_kit.training.loop import Progress, Recipe
    from lofigen_kit.training.loop import train as run

    if output.suffix != ".safetensors":
        raise InputError("a model's name ends in .safetensors", where=output)
    check_free(output, force=force)
    variant = cast("type[Model]", registry_of(ctx).find("model", model))
    torch.set_num_threads(threads)
    sheet = describe(corpus)
    songs = read_songs(corpus, "train")
    begun = load(start) if start else None
    if begun:
        spec = begun.spec
    else:
        names = channel_names(song.score for song in songs) if guide else ()
        spec = stack(variant.layers, head=head, mixtures=mixtures, guide=names)
    recipe = Recipe(
        steps=steps,
        batch=batch,
        window=window,
        learning_rate=learning_rate,
        rehearse_every=rehearse_every,
        rehearsal_temperature=rehearsal_temperature,
        seed=seed,
    )
    with progress_bar(quiet=quiet or as_json) as bar:

        def report(now: Progress) -> None:
            if bar:
                bar(f"loss {now.loss:.4f}", now.step, now.steps)

        facts = run(
            spec,
            songs,
            recipe,
            output,
            facts={
                "licence": licence,
                "corpus_sha256": sheet["sha256"],
                "corpus": sheet,
                **({"from": {"sha256": begun.sha256, **begun.facts}} if begun else {}),
            },
            start=begun,
            progress=report,
        )
    line = f"{output}  loss {facts['loss']:.4f} after {facts['steps']} steps"
    show(facts, [line], as_json=as_json, quiet=quiet)
