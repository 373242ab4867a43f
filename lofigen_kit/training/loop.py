"""The training loop: from a corpus and a spec to a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lofigen_kit.corpus.crops import Crops
from lofigen_kit.corpus.songs import Song
from lofigen_kit.errors import StoppedError
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.network import to_network
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.training import state as states
from lofigen_kit.training.callbacks import Callbacks, Stage, Stopwatch
from lofigen_kit.training.checkpointing import (
    check_state,
    describe_training,
    make_facts,
    make_nan_error,
    read_state,
    write_training,
)
from lofigen_kit.training.config import TrainingConfig, compute_learning_rate, is_self_play_step
from lofigen_kit.training.curve import append_to_curve, is_curve_step, write_curve
from lofigen_kit.training.energy import add_energy
from lofigen_kit.training.hardware import Hardware
from lofigen_kit.training.learner import Learner, make_stack
from lofigen_kit.training.self_play import play_songs
from lofigen_kit.training.signals import StopSignal
from lofigen_kit.training.state import TrainingState
from lofigen_kit.training.update import augment_batch
from lofigen_kit.training.validation import Validation


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

    Beside the checkpoint are its curve, `.csv`: step, smoothed loss, seconds; while it runs its
    state, `.state`; and what `Validation` writes.

    Args:
        spec: The network's shape.
        songs: The training songs.
        config: The hyperparameters.
        path: The checkpoint to write.
        facts: What the caller knows of the data and the licence; kept in the checkpoint.
        valid: Held-out songs for validation.
        start: A network of the same shape to begin with; None makes new weights.
        resume: Resume from the state beside the checkpoint, bit for bit. All that is given must
            be as it was; `start` may be left out, and so may facts.
        save_every_s: Seconds between two checkpoints.
        hardware: Where it computes; by default one process on the CPU.
        callbacks: What is called meanwhile.

    Returns:
        The facts that the checkpoint records.

    Raises:
        RenderError: when the loss is not a number any more; the last good checkpoint stays.
        InputError: when the state is of another training, naming what differs.
        StoppedError: after Ctrl-C or SIGTERM; the state and the checkpoint are kept.
    """
    hardware, callbacks = hardware or Hardware(), callbacks or Callbacks()
    hardware.processes.check(config.batch)
    path.parent.mkdir(parents=True, exist_ok=True)
    about = describe_training(spec, songs, config, start, hardware)
    if resume:
        state = read_state(path, about, facts, hardware)
    else:
        state = TrainingState(about=about, facts=dict(facts))
    hardware.processes.wait()  # until every process has read the state
    frames = config.window + spec.receptive_field - 1
    crops = Crops(songs, spec, frames=frames, percussive_share=config.percussive_share)
    if resume:
        check_state(path, state, spec, songs, config.steps)
        learner = Learner.restore(spec, state, config, hardware)
        crops.set_self_play(state.self_play)
    else:
        stack = make_stack(spec, songs, config, start)
        methods = hardware.choose_methods(spec, batch=config.batch, frames=crops.frames)
        learner = Learner(stack, config, hardware, methods)
        if hardware.processes.is_first:
            states.get_state_path(path).unlink(missing_ok=True)
    state.about["convolution"] = learner.methods
    trainer = Trainer(
        spec=spec, songs=songs, crops=crops, config=config, path=path, state=state,
        learner=learner, validation=Validation(valid, config, path), hardware=hardware,
        callbacks=callbacks,
    )  # fmt: skip
    with StopSignal() as stop_signal:
        return trainer.run(stop_signal, save_every_s)


class Trainer:
    """One training, from the update after its state to its last.

    Args:
        spec: The network's shape.
        songs: The training songs.
        crops: The same songs, as crops.
        config: The hyperparameters.
        path: The checkpoint.
        state: How far it is; kept up to date here, except its arrays, until it is saved.
        learner: The network.
        validation: How it is validated meanwhile.
        hardware: Where it computes.
        callbacks: What is called meanwhile.
    """

    def __init__(
        self,
        *,
        spec: NetworkSpec,
        songs: Sequence[Song],
        crops: Crops,
        config: TrainingConfig,
        path: Path,
        state: TrainingState,
        learner: Learner,
        validation: Validation,
        hardware: Hardware,
        callbacks: Callbacks,
    ) -> None:
        self.spec, self.songs, self.crops, self.config, self.path = spec, songs, crops, config, path
        self.state, self.learner, self.validation = state, learner, validation
        self.hardware, self.callbacks = hardware, callbacks
        self._is_first = hardware.processes.is_first
        self._energy_before = dict(state.facts.get("energy") or {})
        self._stop_signal = StopSignal()

    def run(self, stop_signal: StopSignal, save_every_s: float) -> dict[str, Any]:
        """Make the updates that are left, and return the checkpoint's facts.

        Raises:
            StoppedError: after a signal to stop; what was done is kept.
            RenderError: when the loss is not a number any more.
        """
        self._stop_signal = stop_signal
        self._stopwatch = Stopwatch(self.state, self.config)
        if self._is_first:
            write_curve(self.path, self.state.curve)
            self.validation.write_table(self.state.validation)
        if not self.state.step:
            self._save()
        saved = time.monotonic()
        while self.state.step < self.config.steps:
            if self._do_due_work():
                saved = time.monotonic()
            if stop := self._advance():
                self._stop(stop)
            if time.monotonic() - saved > save_every_s:
                self._save()
                saved = time.monotonic()
        self._do_due_work()
        facts = self._save()
        if self._is_first:
            states.get_state_path(self.path).unlink(missing_ok=True)
        return facts

    def _do_due_work(self) -> bool:
        """Do what is due between two updates, and return whether there was something."""
        step = self.state.step
        validates = self.validation.is_due(step) and self.state.validation_step != step
        plays = is_self_play_step(self.config, step) and self.state.self_play_step != step
        if validates:
            self._validate()
        if plays:
            self._update_self_play()
        if validates or plays:
            self._save()
        return validates or plays

    def _advance(self) -> int:
        """Make one update; return the signal to stop that any process got, or 0."""
        config, state, step = self.config, self.state, self.state.step
        batch = augment_batch(self.crops, config, step, self.spec.sample_rate_hz)
        loss = self.learner.take_step(batch, compute_learning_rate(config, step))
        value, stop = self.hardware.processes.reduce_loss(loss, self._stop_signal.signal)
        if not math.isfinite(value):
            raise make_nan_error(self.path, step)
        state.loss = value if step == 0 else 0.99 * state.loss + 0.01 * value
        self.learner.update_average(step)
        state.step = step + 1
        state.seconds = self._stopwatch.measure_seconds()
        if is_curve_step(state.step, config.steps):
            self._add_to_curve()
        self._report("training", state.step, config.steps)
        return stop

    def _update_self_play(self) -> None:
        """Let the averaged network play some of the songs, to train on what it played."""
        self.state.self_play = play_songs(
            to_network(self.learner.make_averaged_stack()),
            self.songs,
            self.config,
            self.state.step,
            threads=torch.get_num_threads(),
            progress=lambda done, total: self._report_playing("self-play", done, total),
        )
        self.state.self_play_step = self.state.step
        self.crops.set_self_play(self.state.self_play)

    def _validate(self) -> None:
        """Validate the averaged network on held-out songs, in the first process only."""
        state = self.state
        if self._is_first:
            row, sound = self.validation.run(
                self.learner.make_averaged_stack(),
                state.step,
                threads=torch.get_num_threads(),
                progress=lambda done, total: self._report_playing("validation", done, total),
            )
            state.validation.append(row)
            self.validation.write(state.validation, state.curve, sound, self.spec.sample_rate_hz)
            if self.callbacks.scalars:
                numbers = {f"validation/{k}": float(v) for k, v in row.items() if k != "step"}
                self.callbacks.scalars(state.step, numbers)
        state.validation_step = state.step

    def _add_to_curve(self) -> None:
        state = self.state
        state.curve.append((state.step, state.loss, state.seconds))
        if not self._is_first:
            return
        append_to_curve(self.path, state.curve[-1])
        if self.callbacks.scalars:
            rate = compute_learning_rate(self.config, state.step - 1)
            self.callbacks.scalars(state.step, {"loss": state.loss, "learning_rate": rate})

    def _report_playing(self, stage: Stage, done: int, total: int) -> None:
        """Report a song that was played; stop here if no other process waits for this one."""
        if self._stop_signal.signal and self.hardware.processes.count == 1:
            self._stop(self._stop_signal.signal)
        self._report(stage, done, total)

    def _report(self, stage: Stage, done: int, total: int) -> None:
        if self.callbacks.progress:
            self.callbacks.progress(
                self._stopwatch.make_progress(self.state, stage, done, total)
            )  # fmt: skip

    def _stop(self, signal: int) -> None:
        """Keep everything and stop.

        Raises:
            StoppedError: always.
        """
        self._save()
        raise StoppedError(
            f"stopped after {self.state.step} of {self.config.steps} updates, which are kept",
            signal=signal,
            where=self.path,
            remedy="go on with --resume",
        )

    def _save(self) -> dict[str, Any]:
        """Write the state and the checkpoint, in the first process only; return the facts.

        Raises:
            RenderError: where a weight is not a number; nothing is written then.
        """
        state = self.state
        if self.callbacks.energy:
            state.facts["energy"] = add_energy(self._energy_before, self.callbacks.energy())
        facts = make_facts(state, self.config, self.hardware)
        if self._is_first:
            write_training(self.path, state, self.learner, self.spec, facts)
        return facts
