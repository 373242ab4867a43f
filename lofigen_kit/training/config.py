"""How to train: every number that decides what the weights become. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from lofigen_kit.errors import InputError
from lofigen_kit.nn.distribution import HeadKind

Count = Annotated[int, Field(ge=1, le=1 << 20)]
Every = Annotated[int, Field(ge=0, le=1 << 40)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingConfig:
    """How to train. The defaults are what trains a guided mixture well.

    Bounds hold for what a file says as well.

    Attributes:
        steps: Updates.
        batch: Crops in an update, over all processes.
        window: Frames of a crop that are judged; the receptive field comes before them.
        learning_rate: Adam's peak rate, reached after `warm_up` updates.
        schedule: What follows: a cosine down to a hundredth, or the same rate to the end.
        second_moment: Adam's decay of squared gradients; that of gradients is 0.9.
        least_error: The smallest level of the errors that are laid upon the input: white noise
            and stray tones, each level drawn for each crop, evenly in decibels.
        most_error: The largest; 0 lays none. They teach the network to pull errors of its own
            back, and to take pitch from the guide, not from what happens to ring.
        last_error: To what the largest falls, evenly in decibels, from the first rehearsal to the
            end: once it hears errors of its own, it needs no others.
        anonymous: The share of crops that are not told their instruments, so that the network also
            plays for scores that name none.
        guide_dropout: The share of crops that are told nothing, so that the network also plays
            without a score.
        clip: The greatest norm of a gradient; 0 lets every one pass.
        average: Decay of the averaged weights, which are what is kept; 0 keeps the last ones.
        rehearse_every: After so many updates the network plays some of the songs, and trains on
            its own playing as the past of what should come next; 0 never does.
        rehearse_from: The share of the updates that are made before it first does.
        rehearsed_songs: How many it plays.
        rehearsed_share: The share of crops that follow its own playing.
        rehearsal_spread: Of its draws (`DrawLaw.spread`); the one at which it will be used.
        validate_every: After so many updates, and at the end, the network is judged on songs held
            out; 0 never does. The weights do not depend on it.
        validated_songs: How many songs it is judged on.
        validated_seconds: How long it plays each.
        seed: Of the initial weights, the crops and the noise.
    """

    steps: Annotated[int, Field(ge=1, le=1 << 40)] = 10_000
    batch: Count = 8
    window: Count = 4096
    learning_rate: NotNegative = 1e-3
    warm_up: Every = 300
    schedule: Literal["cosine", "constant"] = "cosine"
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    noise_min: NotNegative = 3e-4
    noise_max: NotNegative = 0.15
    noise_final: NotNegative = 0.005
    instrument_dropout: Share = 0.15
    guide_dropout: Share = 0.0
    max_grad_norm: NotNegative = 1.0
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    self_play_every: Every = 250
    self_play_from: Share = 0.5
    self_play_songs: Count = 24
    self_play_share: Share = 0.5
    self_play_spread: Annotated[float, Field(gt=0, le=1)] = 0.1
    validate_every: Every = 1000
    validated_songs: Count = 4
    validated_seconds: Annotated[float, Field(gt=0, le=600)] = 8.0
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 0


REFERENCE: dict[str, Any] = {
    "batch": 128,
    "window": 8192,
    "learning_rate": 1e-5,
    "warm_up": 0,
    "schedule": "constant",
    "second_moment": 0.999,
    "least_error": 0.0,
    "most_error": 0.0,
    "last_error": 0.0,
    "anonymous": 0.0,
    "clip": 0.0,
    "average": 0.0,
    "rehearse_every": 0,
}
"""What LofiGen's published code does: Adam as PyTorch has it, on plain squared error."""


def make_default_config(head: HeadKind) -> TrainingConfig:
    """Return the recipe that a head is trained by unless something else is asked for."""
    return TrainingConfig(**REFERENCE) if head == "mse" else TrainingConfig()


def override_config(config: TrainingConfig, given: Mapping[str, Any]) -> TrainingConfig:
    """Return a recipe with other values.

    Raises:
        InputError: naming the field that is out of its bounds.
    """
    return from_json({**asdict(config), **given})


def from_json(data: Mapping[str, Any]) -> TrainingConfig:
    """Return the recipe that `asdict` made plain data of.

    Raises:
        InputError: naming the field that is unknown or out of its bounds.
    """
    try:
        return TrainingConfig(**data)
    except (ValidationError, TypeError) as error:
        if isinstance(error, TypeError):
            raise InputError(f"not a recipe ({error})") from None
        first = error.errors()[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def compute_learning_rate(config: TrainingConfig, step: int) -> float:
    """Return the rate of an update: a linear warm-up, then the schedule."""
    warm = min(1.0, (step + 1) / max(1, config.warm_up))
    if config.schedule == "constant":
        return config.learning_rate * warm
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * warm * (0.01 + 0.99 * cosine)


def is_self_play_step(config: TrainingConfig, step: int) -> bool:
    """Return whether the network is to play some songs before an update."""
    every, first = config.self_play_every, config.self_play_from * config.steps
    return every > 0 and first <= step < config.steps and step % every == 0


def compute_noise_max(config: TrainingConfig, step: int) -> float:
    """Return the largest level of the errors that are laid upon the input of an update."""
    last = min(config.noise_final, config.noise_max)
    done = _compute_self_play_progress(config, step)
    return float(config.noise_max ** (1.0 - done) * last**done) if done else config.noise_max


def _compute_self_play_progress(config: TrainingConfig, step: int) -> float:
    """Return the share that is over of the updates among which it rehearses."""
    first = config.self_play_from * config.steps
    if not config.self_play_every or step <= first:
        return 0.0
    return min(1.0, (step - first) / (config.steps - first))
