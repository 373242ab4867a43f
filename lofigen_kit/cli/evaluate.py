"""`evaluate`: what a checkpoint is worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from lofigen_kit.cli.common import (
    Json,
    Quiet,
    columns,
    component,
    progress_bar,
    registry_of,
    show,
)

if TYPE_CHECKING:
    from lofigen_kit.components import Sampler


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(evaluate)


def evaluate(
    ctx: typer.Context,
    *,
    model: Annotated[Path, typer.Argument(metavar="MODEL.safetensors")],
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS")],
    split: Annotated[Literal["valid", "test"], typer.Option(help="Songs held out.")] = "test",
    songs: Annotated[int, typer.Option(min=1, help="How many of them to play.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="How long to play each.")] = 60.0,
    sampler: Annotated[
        str, typer.Option(help="A sampler's name, and its fields: truncated,temperature=0.7.")
    ] = "truncated",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge a checkpoint on songs it never saw: what it predicts, and what it plays."""
    import torch

    from lofigen_kit.nn.checkpoint import load
    from lofigen_kit.training import evaluate as judging
    from lofigen_kit.training.corpus import SplitOrder, read_songs
    from lofigen_kit.training.playing import play

    torch.set_num_threads(threads)
    name, *fields = sampler.split(",")
    kind = cast("type[Sampler]", registry_of(ctx).find("sampler", name))
    chosen = component(kind, fields, where="--sampler")
    network = load(model)
    order: SplitOrder = "reference" if network.facts.get("split") == "reference" else "groups"
    train_songs = read_songs(corpus, "train", order=order)
    held_out = read_songs(corpus, split, order=order)
    with progress_bar(quiet=quiet or as_json) as bar:
        prediction = judging.predict_nats(network, train_songs, held_out)

        def report(done: int, total: int) -> None:
            if bar:
                bar("playing", done, total)

        chosen_songs = [held_out[i % len(held_out)] for i in range(songs)]
        played = play(
            network, chosen, chosen_songs,
            seconds=seconds, seed=seed, threads=threads, progress=report,
        )  # fmt: skip
        rate = network.spec.sample_rate_hz
        judged = [
            judging.judge(song, audio, rate)
            for song, audio in zip(chosen_songs, played, strict=True)
        ]
    result: dict[str, Any] = {
        "sampler": chosen.model_dump(mode="json"),
        "prediction": asdict(prediction),
        "playing": judging.summarise(judged),
        "songs": [asdict(performance) for performance in judged],
    }
    rows = [[k, str(v)] for k, v in {**result["prediction"], **result["playing"]}.items()]
    show(result, columns(rows), as_json=as_json, quiet=quiet)
