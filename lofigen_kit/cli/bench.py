"""`bench`: measure how fast this machine generates, trains and processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lofigen_kit.cli.common import (
    Json,
    Overrides,
    Quiet,
    align_columns,
    load_registry,
    progress_bar,
    show,
)
from lofigen_kit.errors import InputError
from lofigen_kit.plugins import defaults

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Model, Sampler
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.nn.spec import NetworkSpec

app = typer.Typer(no_args_is_help=True, help="Measure speed on this machine.")

INSTRUMENTS = tuple(f"plays.{number}" for number in range(12))
"""As many instruments as the shipped networks at 8 kHz are conditioned on."""
PART_INSTRUMENTS = tuple(f"plays.{number}" for number in range(26))
"""The same of those that play parts."""
PART_RATE_HZ = 24_000

BENCHMARK_MODELS = defaults.MODELS[:2]

Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help=f"A model variant, repeatable; by default {' and '.join(BENCHMARK_MODELS)}.",
    ),
]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(app, name="bench")


@app.command("generate")
def generate(
    ctx: typer.Context,
    *,
    model: Variants = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="A trained network instead of --model: a bundled name, or a path."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="window|ring|torch-blocked|engine",
            help="A method of generation, repeatable; by default all.",
        ),
    ] = None,
    tracks: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Tracks at once, repeatable; by default 1, 8 and 32, of parts 4 and 5."
        ),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Cores to use, repeatable; by default 1 and 2."),
    ] = None,
    parts: Annotated[
        bool,
        typer.Option(
            "--parts", help="Networks that play parts, at 24 kHz: the tracks are those of a take."
        ),
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="How often each case is timed.")] = 9,
    seconds: Annotated[
        float, typer.Option(min=0, help="About how many seconds a case takes in each round.")
    ] = 0.2,
    sampler: Annotated[
        str, typer.Option(help="The sampler to use, with its default parameters.")
    ] = defaults.BENCHMARK_SAMPLER,
    device: Annotated[
        str, typer.Option(metavar="cpu|cuda|auto", help="The device on which torch computes.")
    ] = "cpu",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Time each method of generation.

    The methods are a full window for each sample, ring buffers, blocks in torch, and the engine.
    """
    from lofigen_kit.bench import generation, tables
    from lofigen_kit.bench.machine import describe
    from lofigen_kit.runtime.device import choose_device

    if checkpoint:
        networks = _load_trained(checkpoint)
    else:
        specs = _specs(ctx, model, parts=parts)
        networks = {name: generation.make_random_network(spec) for name, spec in specs.items()}
    chosen = cast("type[Sampler]", load_registry(ctx).find("sampler", sampler)).model_validate({})
    usual = [4, 5] if parts else [1, 8, 32]
    cases = generation.list_cases(
        list(networks), _methods(method), tracks or usual, threads or [1, 2]
    )
    setting = generation.BenchmarkSettings(
        chosen, rounds=rounds, seconds=seconds, device=choose_device(device)
    )
    with progress_bar(quiet=quiet or as_json) as bar:

        def report(done: int, total: int) -> None:
            if bar:
                bar("measuring", done, total)

        result = {
            **generation.measure(networks, cases, setting, report),
            "parts": parts,
            "machine": describe(),
        }
    lines = tables.machine(result["machine"])
    for heading, rows in tables.generation(result).items():
        lines += ["", heading, "", *align_columns(rows)]
    lines += [f"left out: {name} ({reason})" for name, reason in result["left_out"].items()]
    show(result, lines, as_json=as_json, quiet=quiet)


@app.command("train")
def train(
    ctx: typer.Context,
    *,
    model: Variants = None,
    batch: Annotated[int, typer.Option(min=1, help="Crops in each step.")] = 4,
    frames: Annotated[
        int,
        typer.Option(min=1, help="Samples of each crop; more than the network's receptive field."),
    ] = 8192,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="How often each case is timed.")] = 3,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Time a training step with Conv1d and with FFT convolution."""
    from dataclasses import asdict

    from lofigen_kit.bench import tables, training
    from lofigen_kit.bench.machine import describe

    step = training.StepShape(batch, frames, threads)
    with progress_bar(quiet=quiet or as_json) as bar:

        def report(done: int, total: int) -> None:
            if bar:
                bar("measuring", done, total)

        cases = training.measure(_specs(ctx, model), step, rounds=rounds, progress=report)
    result: dict[str, Any] = {
        "ratio": cases[0]["ratio"],
        "step": asdict(step),
        "rounds": rounds,
        "cases": cases,
        "machine": describe(),
    }
    lines = [*tables.machine(result["machine"]), "", *align_columns(tables.training(cases))]
    show(result, lines, as_json=as_json, quiet=quiet)


@app.command("effects")
def effects(
    ctx: typer.Context,
    *,
    preset: Annotated[
        str, typer.Argument(metavar="[PRESET]", help="A preset's name or path.")
    ] = "lofi-tape",
    overrides: Overrides = None,
    seconds: Annotated[
        float, typer.Option(min=1, help="Seconds of stereo sound to process.")
    ] = 60.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often each stage is timed.")] = 5,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Time each effect of a preset, and its mastering, on one core."""
    from lofigen_kit.bench import effects as bench
    from lofigen_kit.bench import tables
    from lofigen_kit.bench.machine import describe
    from lofigen_kit.preset.schema import load_preset

    chosen = load_preset(preset, registry=load_registry(ctx), overrides=overrides or [])
    with progress_bar(quiet=quiet or as_json) as bar:

        def report(done: int, total: int) -> None:
            if bar:
                bar("measuring", done, total)

        result = {
            **bench.measure(chosen, seconds=seconds, rounds=rounds, progress=report),
            "machine": describe(),
        }
    lines = [*tables.machine(result["machine"]), "", *align_columns(tables.effects(result))]
    show(result, lines, as_json=as_json, quiet=quiet)


def _methods(names: list[str] | None) -> list[str]:
    """Return the checked names of methods; by default all.

    Raises:
        InputError: for an unknown name.
    """
    from lofigen_kit.bench.players import METHODS
    from lofigen_kit.plugins.registry import did_you_mean

    for name in names or []:
        if name not in METHODS:
            remedy = did_you_mean(name, METHODS, otherwise=f"choose {', '.join(METHODS)}")
            raise InputError(f"there is no method {name!r}", remedy=remedy)
    return names or list(METHODS)


def _specs(
    ctx: typer.Context, models: list[str] | None, *, parts: bool = False
) -> dict[str, NetworkSpec]:
    """Return the network specs of variants, with a mixture head and the channels of a guide.

    Args:
        ctx: The context of the command.
        models: The variants.
        parts: Whether they play parts at 24 kHz, rather than the mix at 8 kHz.
    """
    from lofigen_kit.music import mix_channels, part_channels
    from lofigen_kit.nn.spec import make_stack_spec

    registry = load_registry(ctx)
    found = {
        name: cast("type[Model]", registry.find("model", name))
        for name in models or BENCHMARK_MODELS
    }
    guide, rate_hz = (*mix_channels.CHANNELS, *INSTRUMENTS), 8000
    if parts:
        guide, rate_hz = (*part_channels.CHANNELS, *PART_INSTRUMENTS), PART_RATE_HZ
    return {
        name: make_stack_spec(model.layers, guide=guide, sample_rate_hz=rate_hz)
        for name, model in found.items()
    }


def _load_trained(name: str) -> dict[str, Network]:
    """Return a dict of the checkpoint's name and its network."""
    from lofigen_kit.cli.models import find
    from lofigen_kit.nn.checkpoint import load

    return {Path(name).stem: load(find(name))}
