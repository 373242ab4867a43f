"""`experiment`: the reference's two experiments, to run and to hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lofigen_kit.cli.common import Json, Quiet, align_columns, load_registry, progress_bar, show
from lofigen_kit.cli.corpus import WorkerCount, make_source, make_workers
from lofigen_kit.errors import InputError
from lofigen_kit.plugins import defaults

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Model
    from lofigen_kit.corpus.build import Workers
    from lofigen_kit.experiments.defects import Defect
    from lofigen_kit.experiments.materials import Material
    from lofigen_kit.experiments.runs import ExperimentSettings, Kind, RunResult
    from lofigen_kit.nn.spec import Layers


class DefectName(StrEnum):
    """The defects for Typer, which knows no list of literals; what they do stands in training."""

    MSE_AVERAGE = "mse-average"
    DOUBLE_SHIFT = "double-shift"
    ONE_MODEL = "one-model"


ARRANGED = {
    "lofi": (defaults.SOURCE, []),
    "piano": (defaults.SOLO_SOURCE, ["part=keys"]),
    "drums": (defaults.SOLO_SOURCE, ["part=drums"]),
}
"""The genres that the arranger plays where the user gives none: a source, and its fields."""

app = typer.Typer(no_args_is_help=True, help="Repeat the reference's experiments.")

Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Empty, or to go on with.")
]
Defects = Annotated[
    list[DefectName] | None,
    typer.Option("--defect", help="Show one of the reference's beside; may be repeated."),
]
Steps = Annotated[int, typer.Option(min=1, help="Updates of each network.")]
Batch = Annotated[int, typer.Option(min=1, help="Windows in an update; the reference has 128.")]
Window = Annotated[int, typer.Option(min=1, help="Frames of a window.")]
Rate = Annotated[float, typer.Option("--learning-rate", min=0, help="Adam's peak rate.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long each network plays.")]
Minutes = Annotated[float, typer.Option(min=0.1, help="How much the arranger plays, at least.")]
Seed = Annotated[int, typer.Option(min=0)]
Threads = Annotated[int, typer.Option(min=1, help="Cores to use.")]
Licence = Annotated[str, typer.Option(help="Of recordings: an SPDX name, such as CC0-1.0.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="experiment")


@app.command()
def layers(
    ctx: typer.Context,
    *,
    output: Output,
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A corpus, or recordings; else the arranger plays."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help=f"Which variants, repeatable; by default {', '.join(defaults.MODELS)}."),
    ] = None,
    defect: Defects = None,
    steps: Steps = 60,
    batch: Batch = 1,
    window: Window = 8192,
    learning_rate: Rate = 3e-5,
    seconds: Seconds = 10.0,
    minutes: Minutes = 6.0,
    seed: Seed = 0,
    threads: Threads = 1,
    workers: WorkerCount = 1,
    licence: Licence = "unknown",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train networks of 4, 6 and 8 layers on the same songs, measure them and let them play.

    What is done is kept: run the same again to go on, or with another --defect to add to it.
    """
    from lofigen_kit.experiments.materials import Material
    from lofigen_kit.experiments.runs import ExperimentSettings

    registry = load_registry(ctx)
    names = list(dict.fromkeys(model or defaults.MODELS))
    variants = {name: cast("type[Model]", registry.find("model", name)).layers for name in names}
    origin = corpus or make_source(registry, *ARRANGED["lofi"])
    shared = Material(corpus.resolve().name if corpus else "lofi", origin, licence)
    settings = ExperimentSettings(steps, batch, window, learning_rate, seconds, seed, threads)
    _run(
        output, "layers", [(name, shape, shared) for name, shape in variants.items()], settings,
        defects=_values(defect), minutes=minutes, workers=make_workers(ctx, workers),
        as_json=as_json, quiet=quiet,
    )  # fmt: skip


@app.command()
def genres(
    ctx: typer.Context,
    *,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="One for each genre: recordings, or a corpus. By default the arranger plays "
            "lofi, piano and drums.",
        ),
    ] = None,
    output: Output,
    model: Annotated[str, typer.Option(help="Which variant.")] = defaults.MODEL,
    defect: Defects = None,
    steps: Steps = 60,
    batch: Batch = 1,
    window: Window = 8192,
    learning_rate: Rate = 3e-5,
    seconds: Seconds = 10.0,
    minutes: Minutes = 6.0,
    seed: Seed = 0,
    threads: Threads = 1,
    workers: WorkerCount = 1,
    licence: Licence = "unknown",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one fresh network for each genre, measure it on its own genre and let it play.

    What is done is kept: run the same again to go on, or with another --defect to add to it.
    """
    from lofigen_kit.experiments.materials import Material
    from lofigen_kit.experiments.runs import ExperimentSettings

    registry = load_registry(ctx)
    variant = cast("type[Model]", registry.find("model", model))
    materials = [Material(folder.resolve().name, folder, licence) for folder in folders or []]
    if len({material.name for material in materials}) < len(materials):
        raise InputError("two of the folders have the same name", remedy="rename one")
    if not materials:
        materials = [Material(name, make_source(registry, *ARRANGED[name])) for name in ARRANGED]
    settings = ExperimentSettings(steps, batch, window, learning_rate, seconds, seed, threads)
    _run(
        output, "genres", [(each.name, variant.layers, each) for each in materials], settings,
        defects=_values(defect), minutes=minutes, workers=make_workers(ctx, workers),
        as_json=as_json, quiet=quiet,
    )  # fmt: skip


def _values(defects: list[DefectName] | None) -> list[Defect]:
    return [defect.value for defect in defects or []]


def _run(
    output: Path,
    kind: Kind,
    plan: Sequence[tuple[str, Layers, Material]],
    settings: ExperimentSettings,
    *,
    defects: Sequence[Defect],
    minutes: float,
    workers: Workers,
    as_json: bool,
    quiet: bool,
) -> None:
    """Prepare the corpora, do the runs, write the page and print the table."""
    import torch

    from lofigen_kit.experiments import materials, report, runs
    from lofigen_kit.training.loop import TrainingProgress

    torch.set_num_threads(settings.threads)
    compared = {name: {"layers": shape, **each.arguments} for name, shape, each in plan}
    runs.check_defects(kind, defects)
    runs.begin(
        output,
        {"kind": kind, "minutes": minutes, "settings": asdict(settings), "compared": compared},
    )
    with progress_bar(quiet=quiet or as_json) as bar:
        subjects = []
        for name, shape, each in plan:

            def rendered(share: float, name: str = each.name) -> None:
                if bar:
                    bar(f"corpus {name}", round(100 * share), 100)

            corpus = materials.prepare(
                each, output,
                minutes=minutes, seed=settings.seed, workers=workers, progress=rendered,
            )  # fmt: skip
            subjects.append(runs.Subject(name, shape, corpus))

        def trained(run: str, now: TrainingProgress) -> None:
            if bar:
                bar(f"{run}: loss {now.loss:.4f}", now.step, now.steps)

        results = runs.run_all(output, kind, subjects, settings, defects=defects, report=trained)
    report.write(output, kind, settings, results)
    _print(output, results, as_json=as_json, quiet=quiet)


def _print(output: Path, results: Sequence[RunResult], *, as_json: bool, quiet: bool) -> None:
    from lofigen_kit.experiments import report

    lines = align_columns([list(report.COLUMNS), *report.table(results)])
    rows = [asdict(row) for row in results]
    show(rows, [*lines, str(output / "report.html")], as_json=as_json, quiet=quiet)
