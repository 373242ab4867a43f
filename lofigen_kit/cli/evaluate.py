"""`evaluate`: how good a checkpoint is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from lofigen_kit.cli.common import (
    Force,
    Json,
    Quiet,
    load_registry,
    parse_component,
    progress_bar,
    show,
    warn,
)
from lofigen_kit.plugins import defaults

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Sampler
    from lofigen_kit.evaluation.tables import Evaluation

FILES = ("evaluate.json", "songs.csv", "takes.png", "prediction.png")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(evaluate)


def evaluate(
    ctx: typer.Context,
    *,
    model: Annotated[Path, typer.Argument(metavar="MODEL.safetensors", help="The model.")],
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="The corpus it was trained on.")],
    split: Annotated[
        Literal["valid", "test"], typer.Option(help="The held-out songs to use.")
    ] = "test",
    songs: Annotated[
        int, typer.Option(min=1, help="Number of takes to play; the songs are played in turn.")
    ] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="Length of each take.")] = 60.0,
    sampler: Annotated[
        str, typer.Option(help=f"A sampler and its fields: {defaults.SAMPLER},spread=0.01.")
    ] = defaults.SAMPLER,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling noise.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Number of CPU threads.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write JSON, CSV and plots into this folder."
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Evaluate a checkpoint on held-out songs: how it predicts, how it plays, what it memorised."""
    import torch

    from lofigen_kit.evaluation import tables
    from lofigen_kit.evaluation.evaluate import EvaluationPlan, evaluate_network
    from lofigen_kit.nn.checkpoint import load
    from lofigen_kit.runtime.files import check_free

    torch.set_num_threads(threads)
    name, *fields = sampler.split(",")
    kind = cast("type[Sampler]", load_registry(ctx).find("sampler", name))
    chosen = parse_component(kind, fields, where="--sampler")
    if output:
        check_free(*(output / file for file in FILES), force=force)
    plan = EvaluationPlan(chosen, split, takes=songs, seconds=seconds, seed=seed, threads=threads)
    with progress_bar(quiet=quiet or as_json) as bar:
        result = evaluate_network(load(model), corpus, plan, progress=bar)
    if output:
        _write(result, output)
    show(result, tables.format_as_text(result), as_json=as_json, quiet=quiet)


def _write(result: Evaluation, folder: Path) -> None:
    """Write evaluate.json, songs.csv and, where matplotlib is installed, the plots."""
    import json

    from lofigen_kit.evaluation import plots, tables
    from lofigen_kit.runtime.files import explain_write_errors, write_atomic

    text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    files = {"evaluate.json": text.encode(), "songs.csv": tables.format_as_csv(result).encode()}
    if plots.can_draw():
        files |= {
            "takes.png": plots.plot_takes(result),
            "prediction.png": plots.plot_prediction(result),
        }
    else:
        warn(f"no plots: they need matplotlib; {plots.REMEDY}")
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        with explain_write_errors(folder / name):
            write_atomic(folder / name, data)
