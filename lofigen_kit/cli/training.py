"""`corpus`, `train` and `evaluate`: from an arranger or a folder to a checkpoint, and its worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from lofigen_kit.cli.common import Json, Quiet, columns, progress_bar, registry_of, show
from lofigen_kit.errors import InputError, PresetError

if TYPE_CHECKING:
    from lofigen_kit.components import Model, Sampler, Source

corpus_app = typer.Typer(no_args_is_help=True, help="Make material to train on.")
Head = Literal["mol", "mulaw", "mse"]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(corpus_app, name="corpus")
    root.command()(train)
    root.command()(evaluate)


@corpus_app.command("make")
def make(
    ctx: typer.Context,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR")],
    minutes: Annotated[float, typer.Option(min=0.1, help="How much audio, at least.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    source: Annotated[str, typer.Option(help="Which source plays, at its defaults.")] = "beatmaker",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Render a training corpus: songs at 8 kHz, their scores, and a manifest."""
    from lofigen_kit.training.corpus import make_corpus

    player = cast("type[Source]", registry_of(ctx).find("source", source)).model_validate({})
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
    from lofigen_kit.training.corpus import read_manifest, read_songs
    from lofigen_kit.training.loop import Progress, Recipe
    from lofigen_kit.training.loop import train as run

    if output.suffix != ".safetensors":
        raise InputError("a model's name ends in .safetensors", where=output)
    check_free(output, force=force)
    variant = cast("type[Model]", registry_of(ctx).find("model", model))
    torch.set_num_threads(threads)
    _, sha256 = read_manifest(corpus)
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
                "corpus_sha256": sha256,
                **({"from": {"sha256": begun.sha256, **begun.facts}} if begun else {}),
            },
            start=begun,
            progress=report,
        )
    line = f"{output}  loss {facts['loss']:.4f} after {facts['steps']} steps"
    show(facts, [line], as_json=as_json, quiet=quiet)


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
    from lofigen_kit.training.corpus import read_songs
    from lofigen_kit.training.playing import play

    torch.set_num_threads(threads)
    name, *fields = sampler.split(",")
    kind = registry_of(ctx).find("sampler", name)
    chosen = cast("Sampler", kind.model_validate(_fields(fields)))
    network = load(model)
    train_songs, held_out = read_songs(corpus, "train"), read_songs(corpus, split)
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


def _fields(pairs: list[str]) -> dict[str, Any]:
    """Read `temperature=0.7` as fields of a component."""
    import json

    fields = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise PresetError(f"{pair!r} is not KEY=VALUE", where="--sampler")
        try:
            fields[key] = json.loads(value)
        except ValueError:
            fields[key] = value
    return fields
