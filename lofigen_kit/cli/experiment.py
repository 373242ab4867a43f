"""`experiment`: the reference's two experiments, to run and to hear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lofigen_kit.cli.common import Json, Quiet, align_columns, load_registry, progress_bar, show
from lofigen_kit.cli.corpus import WorkerCount, make_source, make_workers
from lofigen_kit.cli.settings import (
    ConfigFile,
    SettingOptions,
    SettingOverrides,
    collect,
    make_command_type,
)
from lofigen_kit.errors import InputError
from lofigen_kit.plugins import defaults

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Model
    from lofigen_kit.corpus.build import Workers
    from lofigen_kit.experiments.defects import Defect
    from lofigen_kit.experiments.materials import Material
    from lofigen_kit.experiments.runs import Kind, RunResult
    from lofigen_kit.experiments.settings import ExperimentSettings
    from lofigen_kit.nn.spec import Layers


class DefectName(StrEnum):
    """The defects for Typer, which takes no list of literals; `experiments.defects` has them."""

    MSE_AVERAGE = "mse-average"
    DOUBLE_SHIFT = "double-shift"
    ONE_MODEL = "one-model"


ARRANGED = {
    "lofi": (defaults.SOURCE, []),
    "piano": (defaults.SOLO_SOURCE, ["part=keys"]),
    "drums": (defaults.SOLO_SOURCE, ["part=drums"]),
}
"""The genres that a source plays where the user gives none: the source, and its fields."""


def _load_defaults() -> Mapping[str, ExperimentSettings]:
    from lofigen_kit.experiments.settings import ExperimentSettings

    return {"": ExperimentSettings()}


OPTIONS = SettingOptions(
    _load_defaults,
    shown={
        "--steps": "steps",
        "--batch": "batch",
        "--window": "window",
        "--learning-rate": "learning_rate",
        "--seconds": "seconds",
        "--seed": "seed",
        "--threads": "threads",
    },
)

app = typer.Typer(no_args_is_help=True, help="Repeat the reference's experiments.")

Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="An empty folder, or that of an experiment to go on with.",
    ),
]
Defects = Annotated[
    list[DefectName] | None,
    typer.Option("--defect", help="Show a defect of the reference too; may be repeated."),
]
Minutes = Annotated[
    float, typer.Option(min=0.1, help="Minutes that the arranger plays for each genre, at least.")
]
Licence = Annotated[
    str, typer.Option(help="Licence of the recordings: an SPDX name, such as CC0-1.0.")
]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="experiment")


@app.command(cls=make_command_type(OPTIONS))
def layers(
    ctx: typer.Context,
    *,
    output: Output,
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A corpus or recordings; by default the arranger plays."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Which variant; may be repeated. [default: {', '.join(defaults.MODELS)}]"
        ),
    ] = None,
    defect: Defects = None,
    config: ConfigFile = None,
    overrides: SettingOverrides = None,
    minutes: Minutes = 6.0,
    workers: WorkerCount = 1,
    licence: Licence = "unknown",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train networks of 4, 6 and 8 layers on the same songs, measure them and let them play.

    Finished runs are kept: give the same command again to go on, or add another --defect.
    """
    from lofigen_kit.experiments.materials import Material

    registry = load_registry(ctx)
    names = list(dict.fromkeys(model or defaults.MODELS))
    variants = {name: cast("type[Model]", registry.find("model", name)).layers for name in names}
    origin = corpus or make_source(registry, *ARRANGED["lofi"])
    shared = Material(corpus.resolve().name if corpus else "lofi", origin, licence)
    _run(
        output, "layers", [(name, shape, shared) for name, shape in variants.items()],
        _choose_settings(ctx, config, overrides),
        defects=_values(defect), minutes=minutes, workers=make_workers(ctx, workers),
        as_json=as_json, quiet=quiet,
    )  # fmt: skip


@app.command(cls=make_command_type(OPTIONS))
def genres(
    ctx: typer.Context,
    *,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="A folder for each genre: recordings, or a corpus. By default the arranger "
            "plays lofi, piano and drums.",
        ),
    ] = None,
    output: Output,
    model: Annotated[str, typer.Option(help="Which variant: a model's name.")] = defaults.MODEL,
    defect: Defects = None,
    config: ConfigFile = None,
    overrides: SettingOverrides = None,
    minutes: Minutes = 6.0,
    workers: WorkerCount = 1,
    licence: Licence = "unknown",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one fresh network for each genre, measure it on its own genre and let it play.

    Finished runs are kept: give the same command again to go on, or add another --defect.
    """
    from lofigen_kit.experiments.materials import Material

    registry = load_registry(ctx)
    variant = cast("type[Model]", registry.find("model", model))
    materials = [Material(folder.resolve().name, folder, licence) for folder in folders or []]
    if len({material.name for material in materials}) < len(materials):
        raise InputError("two of the folders have the same name", remedy="rename one")
    if not materials:
        materials = [Material(name, make_source(registry, *ARRANGED[name])) for name in ARRANGED]
    _run(
        output, "genres", [(each.name, variant.layers, each) for each in materials],
        _choose_settings(ctx, config, overrides),
        defects=_values(defect), minutes=minutes, workers=make_workers(ctx, workers),
        as_json=as_json, quiet=quiet,
    )  # fmt: skip


def _choose_settings(
    ctx: typer.Context, config: Path | None, overrides: list[str] | None
) -> ExperimentSettings:
    """Return the settings: options over `--set`, `--set` over `--config`, that over defaults."""
    from lofigen_kit.experiments.settings import ExperimentSettings
    from lofigen_kit.preset.settings import make_settings

    given = collect(ctx, config, overrides)
    return make_settings(ExperimentSettings, asdict(ExperimentSettings()), given)


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
    from lofigen_kit.training.callbacks import TrainingProgress

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
