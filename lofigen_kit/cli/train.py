"""`train`: from a corpus to a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from lofigen_kit.cli.common import Json, Quiet, load_registry, progress_bar, show, warn
from lofigen_kit.errors import InputError, StoppedError
from lofigen_kit.plugins import defaults

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Model
    from lofigen_kit.corpus.songs import SplitOrder
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.nn.fftconv import Method
    from lofigen_kit.nn.spec import NetworkSpec
    from lofigen_kit.plugins.registry import Registry
    from lofigen_kit.training.config import TrainingConfig
    from lofigen_kit.training.loop import Precision, TrainingProgress
    from lofigen_kit.training.state import TrainingState

Head = Literal["mol", "mulaw", "mse"]
Scalars = Callable[[int, dict[str, float]], None]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command()(train)


def train(
    ctx: typer.Context,
    *,
    corpus: Annotated[Path, typer.Argument(metavar="CORPUS", help="A folder of `corpus make`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL.safetensors")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where MODEL's training stopped, bit for bit.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Begin with this model; a deeper --model puts new layers into it.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"Which variant: {', '.join(defaults.MODELS)}. [default: {defaults.MODEL}]"
        ),
    ] = None,
    head: Annotated[
        Head | None,
        typer.Option(
            help="What the network says of a sample: a mixture, 256 levels, or, as LofiGen does, "
            "its mean. [default: mol]"
        ),
    ] = None,
    mixtures: Annotated[
        int | None, typer.Option(min=1, max=64, help="Logistics of a mol head. [default: 10]")
    ] = None,
    guide: Annotated[
        bool | None,
        typer.Option("--guide/--no-guide", help="Follow the scores. [default: yes; mse: no]"),
    ] = None,
    split: Annotated[
        Literal["groups", "reference"] | None,
        typer.Option(
            help="Hold out whole progressions, or, as LofiGen does, 20 and 10 % at the end of the "
            "time. [default: groups; mse: reference]"
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Updates. [default: 10000]")] = None,
    batch: Annotated[
        int | None, typer.Option(help="Crops in an update. [default: 8; mse: 128]")
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(help="Frames of a crop that are judged. [default: 4096; mse: 8192]"),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Adam's peak rate. [default: 0.001; mse: 1e-05]")
    ] = None,
    most_error: Annotated[
        float | None,
        typer.Option(
            help="Largest level of the noise and tones laid upon what it hears. "
            "[default: 0.15; mse: 0]"
        ),
    ] = None,
    guide_dropout: Annotated[
        float | None,
        typer.Option(help="Share of crops without a guide, to play without scores. [default: 0]"),
    ] = None,
    last_error: Annotated[
        float | None,
        typer.Option(help="What that falls to once it rehearses. [default: 0.005]"),
    ] = None,
    rehearse_every: Annotated[
        int | None,
        typer.Option(
            help="Updates between rounds of learning from its own playing. [default: 250; mse: 0]"
        ),
    ] = None,
    rehearse_from: Annotated[
        float | None,
        typer.Option(help="Share of the updates before the first such round. [default: 0.5]"),
    ] = None,
    rehearsal_spread: Annotated[
        float | None,
        typer.Option(help="How widely it draws then, of its own distribution. [default: 0.1]"),
    ] = None,
    validate_every: Annotated[
        int | None,
        typer.Option(help="Updates between judgements; 0 is never. [default: 1000]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="[default: 0]")] = None,
    licence: Annotated[
        str | None, typer.Option(help="The licence of the weights. [default: CC0-1.0]")
    ] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option()] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bf16"], typer.Option(help="auto is bf16 on CUDA alone.")
    ] = "auto",
    convolution: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="fft, direct, auto (measured at the start), or one for each layer: direct,fft.",
        ),
    ] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
    save_every: Annotated[
        float, typer.Option(min=0, help="Seconds between two checkpoints.")
    ] = 300.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write what TensorBoard shows.")
    ] = False,
    energy: Annotated[
        str | None, typer.Option(metavar="COUNTRY", help="Estimate energy and CO2: DEU, USA.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the model.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on a corpus; a checkpoint is written every five minutes and at the end.

    Ctrl-C stops it so that --resume goes on. Several processes share the work under torchrun.
    """
    import torch

    from lofigen_kit.corpus.songs import describe, read_songs
    from lofigen_kit.nn.deepen import deepen
    from lofigen_kit.runtime.device import choose_device
    from lofigen_kit.training import state as states
    from lofigen_kit.training.distributed import join_processes
    from lofigen_kit.training.loop import Callbacks, Hardware
    from lofigen_kit.training.loop import train as run

    _check_place(output, resume=resume, force=force)
    torch.set_num_threads(threads)
    place = choose_device(device)
    known = states.read(states.get_state_path(output)) if resume else None
    wanted = _NetworkRequest(model=model, head=head, mixtures=mixtures, guide=guide)
    sheet = describe(corpus)
    begun = _load(start)
    order = _split_order(split, wanted, known.facts if known else begun.facts if begun else None)
    songs = read_songs(corpus, "train", order=order)
    held_out = read_songs(corpus, "valid", order=order)
    if not songs:
        raise InputError("no song to train on", where=corpus, remedy="make a larger corpus")
    spec = _spec(load_registry(ctx), wanted, songs, begun, known)
    changes = {
        "steps": steps,
        "batch": batch,
        "window": window,
        "learning_rate": learning_rate,
        "most_error": most_error,
        "guide_dropout": guide_dropout,
        "last_error": last_error,
        "rehearse_every": rehearse_every,
        "rehearse_from": rehearse_from,
        "rehearsal_spread": rehearsal_spread,
        "validate_every": validate_every,
        "seed": seed,
    }
    recipe = _make_config(spec.head, changes, known)
    facts: dict[str, Any] = {"corpus_sha256": sheet["sha256"], "corpus": sheet, "split": order}
    if licence or not known:
        facts["licence"] = licence or "CC0-1.0"
    if begun:
        facts["from"] = {"sha256": begun.sha256, **begun.facts}
        if begun.spec != spec:
            begun = deepen(begun, spec, seed=recipe.seed)
    with (
        join_processes(place) as ranks,
        _show_training_progress(quiet or as_json, ranks.is_first) as bar,
    ):
        speaks = ranks.is_first
        hardware = Hardware(
            device=place,
            precision=_precision(precision, place),
            convolution=_methods(convolution, spec),
            ranks=ranks,
        )
        watchers = Callbacks(
            progress=bar,
            scalars=_scalars(output) if tensorboard and speaks else None,
            energy=_energy(energy) if speaks else None,
        )
        try:
            facts = run(
                spec, songs, recipe, output, facts=facts, valid=held_out, start=begun,
                resume=resume, save_every_s=save_every, hardware=hardware, callbacks=watchers,
            )  # fmt: skip
        except StoppedError as stopped:
            command = f"lofigen-kit train {corpus} -o {output} --resume"
            raise StoppedError(
                stopped.message, signal=stopped.signal, remedy=f"go on with `{command}`"
            ) from None
    line = f"{output}  loss {facts['loss']:.4f} after {facts['steps']} steps"
    show(facts, [line], as_json=as_json and speaks, quiet=quiet or not speaks)


@dataclass(frozen=True)
class _NetworkRequest:
    """What was asked of the network; None is the default, or what it was."""

    model: str | None
    head: Head | None
    mixtures: int | None
    guide: bool | None

    @property
    def follows_scores(self) -> bool:
        return self.head != "mse" if self.guide is None else self.guide


def _check_place(output: Path, *, resume: bool, force: bool) -> None:
    """Refuse a name or a place before anything slow is done."""
    from lofigen_kit.runtime.files import check_free
    from lofigen_kit.training.state import get_state_path

    if output.suffix != ".safetensors":
        raise InputError("a model's name ends in .safetensors", where=output)
    check_free(output, force=force or resume)
    if get_state_path(output).exists() and not (resume or force):
        raise InputError(
            "a training was begun here and not finished",
            where=output,
            remedy="go on with --resume, or begin anew with --force",
        )


def _split_order(
    asked: SplitOrder | None, wanted: _NetworkRequest, before: dict[str, Any] | None
) -> SplitOrder:
    """Return what was asked for, or what was used before, or what fits the head."""
    if asked:
        return asked
    if before is not None:
        return "reference" if before.get("split") == "reference" else "groups"
    return "reference" if wanted.head == "mse" and not wanted.follows_scores else "groups"


def _load(path: Path | None) -> Network | None:
    from lofigen_kit.nn.checkpoint import load

    return load(path) if path else None


def _spec(
    registry: Registry,
    wanted: _NetworkRequest,
    songs: Any,
    begun: Network | None,
    known: TrainingState | None,
) -> NetworkSpec:
    """Return the network's shape: a begun model's, a state's, or what was asked for."""
    from lofigen_kit.music.conditioning import channel_names
    from lofigen_kit.nn.spec import NetworkSpec, make_stack_spec

    found = begun.spec if begun else None
    if known and not found:
        try:
            found = NetworkSpec.model_validate(known.about.get("spec"))
        except ValueError:
            raise InputError("the state names no usable network") from None
    head = wanted.head or (found.head if found else "mol")
    if found and wanted == _NetworkRequest(None, None, None, None):
        return found
    names = channel_names(song.score for song in songs)
    guide = wanted.follows_scores if wanted.guide is not None or not found else bool(found.guide)
    layers = cast("type[Model]", registry.find("model", wanted.model or defaults.MODEL)).layers
    if found and not wanted.model:
        layers = tuple((n.in_channels, n.out_channels, n.kernel) for n in found.layers)
    return make_stack_spec(
        layers,
        head=head,
        mixtures=wanted.mixtures or (found.mixtures if found else 10),
        guide=(found.guide if found and found.guide else names) if guide else (),
    )


def _make_config(
    head: Head, changes: dict[str, Any], known: TrainingState | None
) -> TrainingConfig:
    """Return what was asked for, the rest being as it was, or by default."""
    from lofigen_kit.training.config import from_json, make_default_config, override_config

    base = from_json(known.about.get("recipe") or {}) if known else make_default_config(head)
    return override_config(base, {k: v for k, v in changes.items() if v is not None})


def _precision(asked: Literal["auto", "float32", "bf16"], device: str) -> Precision:
    if asked == "bf16" and device != "cuda":
        raise InputError("bf16 is for CUDA alone", where="--precision")
    if asked == "auto":
        return "bf16" if device == "cuda" else "float32"
    return asked


def _methods(text: str, spec: NetworkSpec) -> list[Method] | Literal["auto"]:
    """Read `auto`, one method for all layers, or one for each."""
    if text == "auto":
        return "auto"
    methods = text.split(",")
    if len(methods) == 1:
        methods *= len(spec.layers)
    if len(methods) != len(spec.layers) or not set(methods) <= {"fft", "direct"}:
        raise InputError(
            f"{text!r} is neither auto, fft or direct, nor one of these for each layer",
            where="--convolution",
        )
    return cast("list[Method]", methods)


@contextmanager
def _show_training_progress(
    quiet: bool, speaks: bool
) -> Iterator[Callable[[TrainingProgress], None] | None]:
    """Show how far it is: loss, samples a second, and the time left."""
    with progress_bar(quiet=quiet or not speaks) as bar:

        def report(now: TrainingProgress) -> None:
            if bar and now.stage == "training":
                bar(f"loss {now.loss:.4f}  {now.samples_per_s:,.0f} samples/s", now.step, now.steps)
            elif bar:
                bar(now.stage, now.step, now.steps)

        yield report if bar else None


def _scalars(output: Path) -> Scalars | None:
    """Return what writes for TensorBoard, or say in one line that it is not there."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        warn("no TensorBoard here: pip install 'lofigen-kit[tensorboard]'")
        return None
    folder = output.with_name(f"{output.stem}_training") / "tensorboard"
    writer = SummaryWriter(str(folder))

    def write(step: int, numbers: dict[str, float]) -> None:
        for name, number in numbers.items():
            writer.add_scalar(name, number, step)
        writer.flush()

    return write


def _energy(country: str | None) -> Callable[[], dict[str, Any]] | None:
    from lofigen_kit.training.energy import start_meter

    return start_meter(country) if country else None
