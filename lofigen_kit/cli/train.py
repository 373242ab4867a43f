"""`train`: from a corpus to a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lofigen_kit.cli.common import Json, Quiet, load_registry, progress_bar, show, warn
from lofigen_kit.cli.settings import (
    ConfigFile,
    PrintConfig,
    SettingOptions,
    SettingOverrides,
    collect,
    make_command_type,
)
from lofigen_kit.errors import InputError, PluginError, StoppedError

if TYPE_CHECKING:
    from lofigen_kit.corpus.songs import Song
    from lofigen_kit.nn.spec import NetworkSpec
    from lofigen_kit.plugins.registry import Registry
    from lofigen_kit.preset.yaml_loader import Document
    from lofigen_kit.training.callbacks import Callbacks, TrainingProgress
    from lofigen_kit.training.distributed import DistributedContext
    from lofigen_kit.training.hardware import Hardware
    from lofigen_kit.training.origin import Origin
    from lofigen_kit.training.settings import TrainSettings

TITLE = (
    "Settings of `lofigen-kit train`. Change what you like and give the file with --config; what "
    "you leave out has its default."
)


def _load_defaults() -> Mapping[str, TrainSettings]:
    from lofigen_kit.training.settings import make_default_settings

    return {"": make_default_settings("mol"), "mse": make_default_settings("mse")}


OPTIONS = SettingOptions(
    _load_defaults,
    shown={
        "--model": "model",
        "--head": "head",
        "--steps": "steps",
        "--batch": "batch",
        "--seed": "seed",
        "--device": "device",
        "--licence": "licence",
    },
    hidden={
        "--mixtures": "mixtures",
        "--guide/--no-guide": "guide",
        "--split": "split",
        "--window": "window",
        "--learning-rate": "learning_rate",
        "--most-error": "noise_max",
        "--last-error": "noise_final",
        "--guide-dropout": "guide_dropout",
        "--rehearse-every": "self_play_every",
        "--rehearse-from": "self_play_from",
        "--rehearsal-spread": "self_play_spread",
        "--validate-every": "validate_every",
        "--precision": "precision",
        "--convolution": "convolution",
        "--threads": "threads",
        "--save-every": "save_every_s",
        "--tensorboard": "tensorboard",
        "--energy": "energy_country",
    },
)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(cls=make_command_type(OPTIONS))(train)


def train(
    ctx: typer.Context,
    *,
    corpus: Annotated[
        Path | None, typer.Argument(metavar="CORPUS", help="A folder made by `corpus make`.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="MODEL.safetensors", help="The model to write."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the stopped training of MODEL, bit for bit."),
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Begin with the weights of this model; a deeper --model adds layers to it.",
        ),
    ] = None,
    config: ConfigFile = None,
    overrides: SettingOverrides = None,
    print_config: PrintConfig = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the model.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on a corpus; a checkpoint is written every five minutes and at the end.

    Ctrl-C stops it; --resume goes on. Several processes share the work under torchrun.

    --print-config lists every setting. Of a setting that is given more than once, an option counts
    before --set, --set before --config, and --config before the default, which depends on --head.
    """
    from lofigen_kit.training.config import FIELD_NAMES
    from lofigen_kit.training.origin import check_output, find_origin
    from lofigen_kit.training.settings import choose_settings

    if output and not print_config:
        check_output(output, resume=resume, force=force)
    given = collect(ctx, config, overrides, FIELD_NAMES)
    origin = find_origin(_need_output(output) if resume else None, start)
    settings = choose_settings(given, spec=origin.spec, config=origin.config, facts=origin.facts)
    if print_config:
        _print_settings(settings, as_json=as_json)
        return
    if not corpus:
        raise InputError(
            "no corpus is given", where="train", remedy="make one with `lofigen-kit corpus make`"
        )
    request = _Request(corpus, _need_output(output), settings, given, origin)
    job = _prepare(load_registry(ctx), request)
    facts, is_first = _run(request, job, quiet=quiet or as_json)
    line = f"{output}  loss {facts['loss']:.4f} after {facts['steps']} steps"
    show(facts, [line], as_json=as_json and is_first, quiet=quiet or not is_first)


def _need_output(output: Path | None) -> Path:
    if output is None:
        raise InputError("no model is named", where="train", remedy="add `-o NAME.safetensors`")
    return output


def _print_settings(settings: TrainSettings, *, as_json: bool) -> None:
    from dataclasses import asdict

    from lofigen_kit.preset.settings import format_settings

    text = format_settings(settings, title=TITLE)
    show(asdict(settings), [text.rstrip()], as_json=as_json)


@dataclass(frozen=True)
class _Request:
    """What is asked for."""

    corpus: Path
    output: Path
    settings: TrainSettings
    given: Document
    origin: Origin


@dataclass(frozen=True)
class _Job:
    """What is trained, on which songs, and what is known of them."""

    spec: NetworkSpec
    songs: list[Song]
    held_out: list[Song]
    facts: dict[str, Any]


def _prepare(registry: Registry, request: _Request) -> _Job:
    """Read the songs, and choose the network that learns them."""
    from lofigen_kit.corpus.songs import describe, read_songs
    from lofigen_kit.training.origin import choose_spec

    corpus, settings, origin = request.corpus, request.settings, request.origin
    sheet = describe(corpus)
    songs = read_songs(corpus, "train", order=settings.split)
    held_out = read_songs(corpus, "valid", order=settings.split)
    if not songs:
        raise InputError("no song to train on", where=corpus, remedy="make a larger corpus")
    try:
        spec = choose_spec(registry, songs, settings, request.given.data, origin.spec)
    except PluginError as error:  # an unknown model
        place = request.given.place(("model",))
        raise InputError(error.message, where=place, remedy=error.remedy) from None
    facts = {"corpus_sha256": sheet["sha256"], "corpus": sheet, "split": settings.split}
    if "licence" in request.given.data or not origin.state:
        facts["licence"] = settings.licence
    if origin.start:
        facts["from"] = {"sha256": origin.start.sha256, **origin.start.facts}
    return _Job(spec, songs, held_out, facts)


def _run(request: _Request, job: _Job, *, quiet: bool) -> tuple[dict[str, Any], bool]:
    """Train; return the checkpoint's facts, and whether this process is the first."""
    import torch

    from lofigen_kit.runtime.device import choose_device
    from lofigen_kit.training.distributed import join_processes
    from lofigen_kit.training.loop import train as run
    from lofigen_kit.training.origin import load_start

    settings, output = request.settings, request.output
    torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    config = settings.training_config
    start = load_start(request.origin, job.spec, seed=config.seed)
    with (
        join_processes(device) as processes,
        _show_training_progress(quiet=quiet or not processes.is_first) as bar,
    ):
        hardware = _choose_hardware(request, job.spec, device, processes)
        callbacks = _make_callbacks(settings, output, bar) if processes.is_first else None
        try:
            facts = run(
                job.spec, job.songs, config, output, facts=job.facts, valid=job.held_out,
                start=start, resume=request.origin.state is not None,
                save_every_s=settings.save_every_s, hardware=hardware, callbacks=callbacks,
            )  # fmt: skip
        except StoppedError as stopped:
            command = f"lofigen-kit train {request.corpus} -o {output} --resume"
            raise StoppedError(
                stopped.message, signal=stopped.signal, remedy=f"go on with `{command}`"
            ) from None
    return facts, processes.is_first


def _choose_hardware(
    request: _Request, spec: NetworkSpec, device: str, processes: DistributedContext
) -> Hardware:
    from lofigen_kit.training.hardware import Hardware, choose_precision, parse_convolution

    settings, place = request.settings, request.given.place
    return Hardware(
        device=device,
        precision=choose_precision(settings.precision, device, where=place(("precision",))),
        convolution=parse_convolution(
            settings.convolution, len(spec.layers), where=place(("convolution",))
        ),
        processes=processes,
    )


def _make_callbacks(
    settings: TrainSettings, output: Path, progress: Callable[[TrainingProgress], None] | None
) -> Callbacks:
    from lofigen_kit.training.callbacks import Callbacks
    from lofigen_kit.training.energy import start_meter
    from lofigen_kit.training.tensorboard import start_logging

    scalars = start_logging(output) if settings.tensorboard else None
    if settings.tensorboard and not scalars:
        warn("TensorBoard is not installed: pip install 'lofigen-kit[tensorboard]'")
    country = settings.energy_country
    return Callbacks(progress, scalars, start_meter(country) if country else None)


@contextmanager
def _show_training_progress(*, quiet: bool) -> Iterator[Callable[[TrainingProgress], None] | None]:
    """Show loss, samples a second, and the time left."""
    with progress_bar(quiet=quiet) as bar:

        def report(now: TrainingProgress) -> None:
            if bar and now.stage == "training":
                bar(f"loss {now.loss:.4f}  {now.samples_per_s:,.0f} samples/s", now.step, now.steps)
            elif bar:
                bar(now.stage, now.step, now.steps)

        yield report if bar else None
