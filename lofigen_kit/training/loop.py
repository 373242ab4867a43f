"""The training loop: from a corpus and a spec to a checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import Song, hash_songs
from lofigen_kit.errors import InputError, RenderError, StoppedError
from lofigen_kit.evaluation.rollout import EvaluationSampler, generate_rollouts
from lofigen_kit.nn.checkpoint import Network, save
from lofigen_kit.nn.fftconv import METHODS, Method, measure_methods
from lofigen_kit.nn.linear_prediction import ORDER, fit_linear_predictor
from lofigen_kit.nn.network import (
    CausalStack,
    from_network,
    initialize_linear,
    to_network,
    to_tensors,
)
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.runtime.files import write_atomic
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit.training import state as states
from lofigen_kit.training.config import TrainingConfig, compute_learning_rate, is_self_play_step
from lofigen_kit.training.distributed import DistributedContext
from lofigen_kit.training.signals import StopSignal
from lofigen_kit.training.state import TrainingState
from lofigen_kit.training.update import augment_batch, compute_loss
from lofigen_kit.training.validation import Validation

CURVE_EVERY = 100
Precision = Literal["float32", "bf16"]


@dataclass(frozen=True)
class TrainingProgress:
    """Where the training stands.

    Attributes:
        stage: `training`, or what it does between updates: `rehearsing`, `validating`.
        step: Updates that were made.
        steps: How many there will be.
        loss: Smoothed.
        seconds: Over all sittings.
        samples_per_s: Judged samples, in this sitting.
    """

    stage: str
    step: int
    steps: int
    loss: float
    seconds: float
    samples_per_s: float


@dataclass(frozen=True)
class Hardware:
    """Where and how the sums are done.

    Attributes:
        device: `cpu` or `cuda`.
        precision: `bf16` computes the network in bfloat16 by autocast; weights stay float32.
        convolution: How each layer convolves; None is as usual, `auto` measures it at the start.
            A training that goes on keeps what it began with.
        ranks: The processes that share the work.
    """

    device: str = "cpu"
    precision: Precision = "float32"
    convolution: Sequence[Method] | Literal["auto"] | None = None
    ranks: DistributedContext = DistributedContext()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class Callbacks:
    """Who is told what while it runs; the first process alone tells.

    Attributes:
        progress: Called after every update, and while it rehearses.
        scalars: Called with a step and named numbers at every row of the curve and validation.
        energy: Returns what was used since the start, to be kept in the facts.
    """

    progress: Callable[[TrainingProgress], None] | None = None
    scalars: Callable[[int, dict[str, float]], None] | None = None
    energy: Callable[[], dict[str, Any]] | None = None


def train(
    spec: NetworkSpec,
    songs: Sequence[Song],
    config: TrainingConfig,
    path: Path,
    *,
    facts: dict[str, Any],
    valid: Sequence[Song] = (),
    start: Network | None = None,
    resume: bool = False,
    save_every_s: float = 300.0,
    hardware: Hardware | None = None,
    callbacks: Callbacks | None = None,
) -> dict[str, Any]:
    """Train a network and write its averaged weights, also on a timer while it runs.

    Beside the checkpoint stand its curve, `.csv`: step, smoothed loss, seconds; while it runs its
    state, `.state`; and what `Validation` writes.

    Args:
        spec: The network's shape.
        songs: The training split.
        config: How.
        path: The checkpoint to write.
        facts: What the caller knows of the data and the licence; kept in the checkpoint.
        valid: Songs held out, on which it is judged now and then.
        start: A network of the same shape to go on from; None begins anew.
        resume: Go on from the state beside the checkpoint, bit for bit. What was asked for must be
            what it was; `start` may be left out, and so may facts.
        save_every_s: The timer's period.
        hardware: By default one process on the CPU.
        callbacks: Who is told.

    Returns:
        The facts as they stand in the checkpoint.

    Raises:
        RenderError: when the loss is no longer a number; the last good checkpoint stays.
        InputError: when the state is of another training, naming what differs.
        StoppedError: after Ctrl-C or SIGTERM; the state and the checkpoint are kept.
    """
    hardware, callbacks = hardware or Hardware(), callbacks or Callbacks()
    hardware.ranks.check(config.batch)
    path.parent.mkdir(parents=True, exist_ok=True)
    about = _describe_training(spec, songs, config, start, hardware)
    state = (
        _read_resumed_state(path, about, facts, hardware)
        if resume
        else TrainingState(about=about, facts=dict(facts))
    )
    hardware.ranks.wait()  # until every process has read the state
    training = Trainer(
        spec=spec, songs=songs, config=config, path=path, state=state,
        validation=Validation(valid, config, path), hardware=hardware, callbacks=callbacks,
    )  # fmt: skip
    if resume:
        training.restore()
    else:
        training.begin(start)
    with StopSignal() as wish:
        return training.run(wish, save_every_s)


def _describe_training(
    spec: NetworkSpec,
    songs: Sequence[Song],
    config: TrainingConfig,
    start: Network | None,
    hardware: Hardware,
) -> dict[str, Any]:
    """Return what a training's bits depend on, besides its state and its machine."""
    return {
        "recipe": asdict(config),
        "spec": spec.model_dump(mode="json"),
        "songs": hash_songs(songs),
        "precision": hardware.precision,
        **({"start": start.sha256} if start else {}),
    }


def _read_resumed_state(
    path: Path, about: dict[str, Any], facts: dict[str, Any], hardware: Hardware
) -> TrainingState:
    """Read the state beside a checkpoint, and check that it is of this training."""
    place = states.get_state_path(path)
    state = states.read(place)
    states.check_same(place, state.about, about)
    states.check_same(place, state.facts, json.loads(json.dumps(facts)))
    if hardware.convolution not in (None, "auto"):
        asked = {"convolution": list(hardware.convolution or ())}
        states.check_same(place, state.about, asked)
    return state


class Trainer:
    """One training, between its first update and its last.

    Args:
        spec: The network's shape.
        songs: The training split.
        config: How.
        path: The checkpoint.
        state: Where it stands; kept up to date here, but for its arrays, until it is saved.
        validation: How it is judged meanwhile.
        hardware: Where.
        callbacks: Who is told.
    """

    def __init__(
        self,
        *,
        spec: NetworkSpec,
        songs: Sequence[Song],
        config: TrainingConfig,
        path: Path,
        state: TrainingState,
        validation: Validation,
        hardware: Hardware,
        callbacks: Callbacks,
    ) -> None:
        self.spec, self.songs, self.recipe, self.path = spec, songs, config, path
        self.state, self.validation = state, validation
        self.hardware, self.watchers = hardware, callbacks
        self.crops = Crops(songs, spec, frames=config.window + spec.receptive_field - 1)
        self.curve_file = path.with_suffix(".csv")
        self.wish = StopSignal()

    def begin(self, start: Network | None) -> None:
        """Make the network that the first update finds."""
        stack = from_network(start) if start else CausalStack(self.spec, seed=self.recipe.seed)
        if self.spec.head == "mol" and not start:
            order = min(ORDER, self.spec.layers[-1].kernel)
            songs = [song.samples for song in self.songs]
            initialize_linear(stack, *fit_linear_predictor(songs, order=order))
        self.average = {name: t.detach().clone() for name, t in stack.state_dict().items()}
        self._place(stack, self._methods())
        if self.hardware.ranks.is_first:
            states.get_state_path(self.path).unlink(missing_ok=True)
            self._write_files()

    def restore(self) -> None:
        """Make everything what the state says it was.

        Raises:
            InputError: where its tensors do not fit the network or the songs.
        """
        state = self.state
        stack = CausalStack(self.spec)
        self._check_shapes(stack)
        tensors = {
            part: {name: torch.from_numpy(array) for name, array in state.parts[part].items()}
            for part in states.PARTS
        }
        stack.load_state_dict(tensors["weights"])
        self.average = tensors["average"]
        self._place(stack, state.about["convolution"])
        if state.step:
            for name, parameter in self.stack.named_parameters():
                self.optimiser.state[parameter] = {
                    "step": torch.tensor(float(state.step)),
                    "exp_avg": tensors["first"][name].to(parameter.device),
                    "exp_avg_sq": tensors["second"][name].to(parameter.device),
                }
        self.crops.set_self_play(state.played)
        if self.hardware.ranks.is_first:
            self._write_files()

    def run(self, wish: StopSignal, save_every_s: float) -> dict[str, Any]:
        """Make the updates that are left, and return the checkpoint's facts.

        Raises:
            StoppedError: when there is a wish to stop; what was done is kept.
            RenderError: when the loss is no longer a number.
        """
        self.wish = wish
        self.step_before, self.seconds_before = self.state.step, self.state.seconds
        self.began = saved = time.monotonic()
        if not self.state.step:
            self._save()
        while self.state.step < self.recipe.steps:
            if self._do_due_work():
                saved = time.monotonic()
            if stop := self._advance():
                self._stop(stop)
            if time.monotonic() - saved > save_every_s:
                self._save()
                saved = time.monotonic()
        self._do_due_work()
        facts = self._save()
        if self.hardware.ranks.is_first:
            states.get_state_path(self.path).unlink(missing_ok=True)
        return facts

    def _do_due_work(self) -> bool:
        """Do what is due between two updates, and return whether there was something."""
        step = self.state.step
        validates = self.validation.is_due(step) and self.state.validated != step
        plays = is_self_play_step(self.recipe, step) and self.state.rehearsed != step
        if validates:
            self._validate()
        if plays:
            self._update_self_play()
        if validates or plays:
            self._save()
        return validates or plays

    def _advance(self) -> int:
        """Make one update; return the signal to stop that any process got, or 0."""
        recipe, state, step = self.recipe, self.state, self.state.step
        for group in self.optimiser.param_groups:
            group["lr"] = compute_learning_rate(recipe, step)
        value, stop = self._take_gradient_step(step)
        if not math.isfinite(value):
            raise self._make_nan_error(step)
        state.loss = value if step == 0 else 0.99 * state.loss + 0.01 * value
        _update_ema(
            self.average, self.stack.state_dict(), min(recipe.ema_decay, (1 + step) / (10 + step))
        )
        state.step = step + 1
        state.seconds = self.seconds_before + time.monotonic() - self.began
        if state.step == recipe.steps or state.step % CURVE_EVERY == 0:
            self._note_curve()
        self._tell("training", state.step, recipe.steps)
        return stop

    def _take_gradient_step(self, step: int) -> tuple[float, int]:
        """Take one step down the gradient; return the loss before it, and the wish to stop."""
        hardware = self.hardware
        drawn = augment_batch(self.crops, self.recipe, step, self.spec.sample_rate_hz)
        batch = hardware.ranks.shard_batch(drawn, hardware.device)
        half = hardware.precision == "bf16"
        with torch.autocast(hardware.device, torch.bfloat16) if half else nullcontext():
            loss = compute_loss(self.module, batch, self.spec)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        if self.recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(self.stack.parameters(), self.recipe.max_grad_norm)
        self.optimiser.step()
        return hardware.ranks.reduce_loss(loss, self.wish.signal)

    def _update_self_play(self) -> None:
        """Let the averaged network play some of the songs, as a past to train on."""
        recipe, step = self.recipe, self.state.step
        rng = rng_for(recipe.seed, step, "rehearsal")
        count = min(recipe.self_play_songs, len(self.songs))
        picks = rng.choice(len(self.songs), size=count, replace=False).tolist()
        played = generate_rollouts(
            to_network(self._make_ema_network()),
            EvaluationSampler(spread=recipe.self_play_spread),
            [self.songs[pick] for pick in picks],
            seconds=None,
            seed=int(rng.integers(2**32)),
            threads=torch.get_num_threads(),
            progress=lambda done, total: self._report_playing("rehearsing", done, total),
        )
        self.state.played = dict(zip(picks, played, strict=True))
        self.state.rehearsed = step
        self.crops.set_self_play(self.state.played)

    def _validate(self) -> None:
        """Judge the averaged network on songs held out; the first process does."""
        state = self.state
        if self.hardware.ranks.is_first:
            row, sound = self.validation.run(
                self._make_ema_network(),
                state.step,
                threads=torch.get_num_threads(),
                progress=lambda done, total: self._report_playing("validating", done, total),
            )
            state.validation.append(row)
            self.validation.write(state.validation, state.curve, sound, self.spec.sample_rate_hz)
            if self.watchers.scalars:
                numbers = {f"validation/{k}": float(v) for k, v in row.items() if k != "step"}
                self.watchers.scalars(state.step, numbers)
        state.validated = state.step

    def _report_playing(self, stage: str, done: int, total: int) -> None:
        """Tell how far the playing is; give it up where that leaves nobody waiting."""
        if self.wish.signal and self.hardware.ranks.count == 1:
            self._stop(self.wish.signal)
        self._tell(stage, done, total)

    def _tell(self, stage: str, done: int, total: int) -> None:
        if not self.watchers.progress:
            return
        updates = self.state.step - self.step_before
        samples = updates * self.recipe.batch * self.recipe.window
        elapsed_s = max(time.monotonic() - self.began, 1e-9)
        now = TrainingProgress(
            stage, done, total, self.state.loss, self.state.seconds, samples / elapsed_s
        )  # fmt: skip
        self.watchers.progress(now)

    def _stop(self, signal: int) -> None:
        """Keep everything and stop.

        Raises:
            StoppedError: always.
        """
        self._save()
        raise StoppedError(
            f"stopped after {self.state.step} of {self.recipe.steps} updates, which are kept",
            signal=signal,
            where=self.path,
            remedy="go on with --resume",
        )

    def _save(self) -> dict[str, Any]:
        """Write the state and then, after the first update, the checkpoint; return its facts.

        Raises:
            RenderError: where the weights are no numbers any more; nothing is written then.
        """
        state, hardware = self.state, self.hardware
        facts = self._facts()
        if not hardware.ranks.is_first:
            return facts
        if not all(bool(torch.isfinite(t).all()) for t in self.stack.state_dict().values()):
            raise self._make_nan_error(state.step)
        state.parts = self._parts()
        states.write(states.get_state_path(self.path), state)
        if state.step:
            averaged = self._make_ema_network()
            save(self.path, self.spec, to_tensors(averaged), facts, half=True)
        return facts

    def _facts(self) -> dict[str, Any]:
        """Return what the checkpoint says of its training."""
        state, hardware = self.state, self.hardware
        if self.watchers.energy:
            state.facts["energy"] = _sum(self.energy_before, self.watchers.energy())
        return {
            **state.facts,
            "recipe": asdict(self.recipe),
            "steps": state.step,
            "loss": state.loss,
            "seconds": round(state.seconds),
            "device": hardware.device,
            "device_seconds": round(state.seconds * hardware.ranks.count),
            "precision": hardware.precision,
            "convolution": state.about["convolution"],
        }

    def _parts(self) -> dict[str, dict[str, np.ndarray]]:
        """Return the arrays that a state keeps."""
        parts: dict[str, dict[str, Tensor]] = {
            "weights": dict(self.stack.state_dict()),
            "average": self.average,
            "first": {},
            "second": {},
        }
        for name, parameter in self.stack.named_parameters():
            if moments := self.optimiser.state.get(parameter):
                parts["first"][name] = moments["exp_avg"]
                parts["second"][name] = moments["exp_avg_sq"]
        return {
            part: {name: t.detach().cpu().numpy() for name, t in tensors.items()}
            for part, tensors in parts.items()
        }

    def _make_ema_network(self) -> CausalStack:
        """Return the network with its averaged weights, on the CPU."""
        averaged = CausalStack(self.spec)
        averaged.load_state_dict(self.average)
        return averaged

    def _place(self, stack: CausalStack, methods: Sequence[Method] | None) -> None:
        """Put the network where it is trained."""
        hardware = self.hardware
        self.stack = stack.to(hardware.device)
        self.average = {name: t.to(hardware.device) for name, t in self.average.items()}
        self.state.about["convolution"] = list(self.stack.set_conv_methods(methods))
        self.module = hardware.ranks.wrap(self.stack)
        betas = (0.9, self.recipe.beta2)
        self.optimiser = torch.optim.Adam(
            self.stack.parameters(), lr=self.recipe.learning_rate, betas=betas
        )
        self.energy_before = dict(self.state.facts.get("energy") or {})

    def _methods(self) -> Sequence[Method] | None:
        """Return how the layers are to convolve, measured where that was asked for."""
        asked, device = self.hardware.convolution, self.hardware.device
        if asked != "auto":
            return asked
        ranks = self.hardware.ranks
        count = max(1, self.recipe.batch // ranks.count)
        chosen = measure_methods(self.spec, batch=count, frames=self.crops.frames, device=device)
        return [
            METHODS[i] for i in ranks.broadcast_numbers([METHODS.index(m) for m in chosen], device)
        ]

    def _check_shapes(self, stack: CausalStack) -> None:
        """Refuse a state whose arrays do not fit the network or the songs."""
        state, shapes = self.state, {n: tuple(t.shape) for n, t in stack.state_dict().items()}
        fits = 0 <= state.step <= self.recipe.steps
        for part in states.PARTS:
            found = {name: array.shape for name, array in state.parts[part].items()}
            fits = fits and found == (shapes if state.step or part in states.PARTS[:2] else {})
        for index, played in state.played.items():
            fits = fits and 0 <= index < len(self.songs)
            fits = fits and len(played) == len(self.songs[index].samples)
        methods = state.about.get("convolution")
        fits = fits and isinstance(methods, list) and len(methods) == len(self.spec.layers)
        if not fits or not set(methods or ()) <= set(METHODS):
            raise InputError("the state does not fit its own network", where=self.path)

    def _note_curve(self) -> None:
        """Add a row to the curve."""
        state = self.state
        state.curve.append((state.step, state.loss, state.seconds))
        if not self.hardware.ranks.is_first:
            return
        with self.curve_file.open("a") as file:
            file.write(_curve_line(state.curve[-1]))
        if self.watchers.scalars:
            rate = compute_learning_rate(self.recipe, state.step - 1)
            self.watchers.scalars(state.step, {"loss": state.loss, "learning_rate": rate})

    def _write_files(self) -> None:
        """Make the curve and the table of validations what the state says of them."""
        lines = "".join(_curve_line(row) for row in self.state.curve)
        write_atomic(self.curve_file, f"{','.join(states.CURVE_COLUMNS)}\n{lines}".encode())
        self.validation.write_table(self.state.validation)

    def _make_nan_error(self, step: int) -> RenderError:
        return RenderError(
            f"the loss is not a number at step {step}",
            where=self.path,
            remedy="lower the learning rate; the last checkpoint is kept",
        )


def _update_ema(average: dict[str, Tensor], current: dict[str, Tensor], decay: float) -> None:
    with torch.no_grad():
        for name, tensor in current.items():
            average[name].lerp_(tensor, 1.0 - decay)


def _curve_line(row: tuple[float, ...]) -> str:
    step, loss, seconds = row
    return f"{step:.0f},{loss:.5f},{seconds:.1f}\n"


def _sum(before: dict[str, Any], used: dict[str, Any]) -> dict[str, Any]:
    """Add what this sitting used to what those before it did."""
    return {
        key: value + before.get(key, 0.0) if isinstance(value, float) else value
        for key, value in used.items()
    }
