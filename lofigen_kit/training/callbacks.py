"""What a training reports while it runs, and the functions that it calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from lofigen_kit.training.config import TrainingConfig
from lofigen_kit.training.state import TrainingState

Stage = Literal["training", "self-play", "validation"]


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        stage: `training`, or what is done between two updates.
        step: Updates so far; in another stage, songs that were played so far.
        steps: How many there are in all.
        loss: Smoothed training loss.
        seconds: Time in training, over all runs until now.
        samples_per_s: Samples that counted in the loss, for each second of this run.
    """

    stage: Stage
    step: int
    steps: int
    loss: float
    seconds: float
    samples_per_s: float


@dataclass(frozen=True)
class Callbacks:
    """Functions that are called while a training runs, in the first process only.

    Attributes:
        progress: Called after every update, and for every song that the network plays.
        scalars: Called with a step and named numbers, at each row of the curve and at each
            validation.
        energy: Returns the energy used since the start; it goes into the facts.
    """

    progress: Callable[[TrainingProgress], None] | None = None
    scalars: Callable[[int, dict[str, float]], None] | None = None
    energy: Callable[[], dict[str, Any]] | None = None


class Stopwatch:
    """The time that a training takes, over this run and those before it.

    Args:
        state: What the runs before took; the clock starts now.
        config: How large an update is.
    """

    def __init__(self, state: TrainingState, config: TrainingConfig) -> None:
        self._first_step, self._seconds_before = state.step, state.seconds
        self._samples_per_update = config.batch * config.window
        self._began = time.monotonic()

    def measure_seconds(self) -> float:
        """Return the seconds of all runs."""
        return self._seconds_before + time.monotonic() - self._began

    def make_progress(
        self, state: TrainingState, stage: Stage, done: int, total: int
    ) -> TrainingProgress:
        """Return how far the training is, for a callback."""
        samples = (state.step - self._first_step) * self._samples_per_update
        elapsed_s = max(time.monotonic() - self._began, 1e-9)
        return TrainingProgress(
            stage, done, total, state.loss, state.seconds, samples / elapsed_s
        )  # fmt: skip
