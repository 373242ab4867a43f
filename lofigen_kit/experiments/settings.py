"""How the networks of an experiment are trained and measured. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lofigen_kit.training.config import Count, NotNegative, TrainingConfig


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExperimentSettings:
    """How each network is trained and measured.

    Attributes:
        steps: Number of updates of each network. The default shows the beginning of a curve within
            minutes, and no more.
        batch: Windows in one update. LofiGen has 128.
        window: Frames of a window. LofiGen has 8192 too.
        learning_rate: Adam's peak learning rate. LofiGen's code has 1e-5, its model card 1e-4.
        seconds: Seconds that each network plays.
        seed: Seed of the initial weights and the crops.
        threads: Number of CPU threads.
    """

    steps: Annotated[int, Field(ge=1, le=1 << 40)] = 60
    batch: Count = 1
    window: Count = 8192
    learning_rate: NotNegative = 3e-5
    seconds: Annotated[float, Field(ge=1)] = 10.0
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 0
    threads: Annotated[int, Field(ge=1)] = 1

    @property
    def training_config(self) -> TrainingConfig:
        """The hyperparameters: warm-up and a cosine, no noise on the input."""
        return TrainingConfig(
            steps=self.steps,
            batch=self.batch,
            window=self.window,
            learning_rate=self.learning_rate,
            warm_up=max(self.steps // 5, 1),
            noise_min=0.0,
            noise_max=0.0,
            validate_every=0,
            seed=self.seed,
        )
