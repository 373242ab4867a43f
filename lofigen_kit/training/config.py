"""The hyperparameters of a training: every number that decides what the weights become.

Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
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
    """The hyperparameters. The defaults train a guided network with a mixture head well.

    The bounds hold for files too.

    Attributes:
        steps: Number of updates.
        batch: Crops in one update, over all processes.
        window: Frames of a crop that count in the loss, 8000 in a second. The receptive field
            comes before them.
        learning_rate: Adam's peak learning rate. It is reached after `warm_up` updates.
        learning_rate_scaling: What the learning rate of a layer depends on: `none`, or `fan-in`,
            by which a layer of more than 128 weights to each output learns as much more slowly.
            An update moves all weights at once, and so wide layers by far more than narrow ones.
        warm_up: Updates in which the learning rate rises from 0 to its peak.
        schedule: The learning rate after the warm-up: `cosine` falls to a hundredth of the peak,
            `constant` stays.
        beta2: Adam's decay of the mean squared gradient. The decay of the mean gradient is 0.9.
        noise_min: Smallest level of the noise that is added to the input: white noise and tones.
            The level is drawn for each crop, uniformly in dB; 1 is full scale.
        noise_max: Largest level of that noise; 0 adds none. It teaches the network to correct its
            own errors, and to take the pitch from the guide.
        noise_final: The level to which `noise_max` falls, linearly in dB, from the first round of
            self-play to the end.
        instrument_dropout: Share of crops whose guide names no instruments, so that the network
            also plays scores that name none; 0 to 1.
        guide_dropout: Share of crops with an empty guide, so that the network also plays without
            a score; 0 to 1.
        max_grad_norm: Largest norm of the gradient; a longer one is scaled down. 0 is no limit.
        ema_decay: Decay of the moving average of the weights, which is what is saved; 0 saves the
            last weights.
        self_play_every: Updates between two rounds of self-play; 0 is never. In a round the
            network plays some of the training songs, and then trains with what it played as the
            past of the song's next sample.
        self_play_from: Share of the updates before the first round of self-play; 0 to 1.
        self_play_songs: Songs that the network plays in a round.
        self_play_share: Share of crops whose past was played by the network; 0 to 1.
        self_play_spread: Width of the distribution from which the network draws in self-play and
            in validation (`spread` of the sampler `narrowed`). Take the value you will use later.
        percussive_share: Share of crops that are drum parts, in a corpus by part; 0 draws all
            parts by their lengths. Drums are the hardest to learn.
        validate_every: Updates between two validations on held-out songs; 0 is never. The weights
            do not depend on it.
        validated_songs: Songs in a validation.
        validated_seconds: Seconds that the network plays of each of them.
        seed: Seed of the initial weights, the crops and the noise.
    """

    steps: Annotated[int, Field(ge=1, le=1 << 40)] = 10_000
    batch: Count = 8
    window: Count = 4096
    learning_rate: NotNegative = 3e-3
    learning_rate_scaling: Literal["none", "fan-in"] = "fan-in"
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
    percussive_share: Share = 0.0
    validate_every: Every = 1000
    validated_songs: Count = 4
    validated_seconds: Annotated[float, Field(gt=0, le=600)] = 8.0
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 0


REFERENCE: dict[str, Any] = {
    "batch": 128,
    "window": 8192,
    "learning_rate": 1e-5,
    "learning_rate_scaling": "none",
    "warm_up": 0,
    "schedule": "constant",
    "beta2": 0.999,
    "noise_min": 0.0,
    "noise_max": 0.0,
    "noise_final": 0.0,
    "instrument_dropout": 0.0,
    "max_grad_norm": 0.0,
    "ema_decay": 0.0,
    "self_play_every": 0,
}
"""The hyperparameters of LofiGen's published code: Adam as in PyTorch, plain squared error."""

STORED_NAMES = {
    "beta2": "second_moment",
    "noise_min": "least_error",
    "noise_max": "most_error",
    "noise_final": "last_error",
    "instrument_dropout": "anonymous",
    "max_grad_norm": "clip",
    "ema_decay": "average",
    "self_play_every": "rehearse_every",
    "self_play_from": "rehearse_from",
    "self_play_songs": "rehearsed_songs",
    "self_play_share": "rehearsed_share",
    "self_play_spread": "rehearsal_spread",
}
"""Fields whose key in training states and checkpoints is another one. Those keys never change:
a state that was written by an older version still resumes."""
LATER: dict[str, Any] = {"percussive_share": 0.0, "learning_rate_scaling": "none"}
"""Fields that came later than the first files: what they are where a file leaves them out."""
FIELD_NAMES = {stored: name for name, stored in STORED_NAMES.items()}


def make_default_config(head: HeadKind) -> TrainingConfig:
    """Return the default hyperparameters for a head."""
    return TrainingConfig(**REFERENCE) if head == "mse" else TrainingConfig()


def to_json(config: TrainingConfig) -> dict[str, Any]:
    """Return the hyperparameters as plain data, with the keys that files have.

    The fields of `LATER` are left out where they are as before.
    """
    values = {STORED_NAMES.get(name, name): value for name, value in asdict(config).items()}
    return {
        name: value for name, value in values.items() if name not in LATER or value != LATER[name]
    }


def from_json(data: Mapping[str, Any]) -> TrainingConfig:
    """Return the hyperparameters that `to_json` wrote; a field's own name is a key too.

    Raises:
        InputError: naming the field that is unknown, given twice or out of its bounds.
    """
    values: dict[str, Any] = {}
    for key, value in data.items():
        name = FIELD_NAMES.get(key, key)
        if name in values:
            raise InputError(f"{name} is given twice, also as {STORED_NAMES[name]}")
        values[name] = value
    if unknown := values.keys() - {field.name for field in fields(TrainingConfig)}:
        raise InputError(f"there is no hyperparameter {min(unknown)!r}")
    try:
        return TrainingConfig(**(LATER | values))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def compute_learning_rate(config: TrainingConfig, step: int) -> float:
    """Return the learning rate of an update: a linear warm-up, then the schedule."""
    warm_up = min(1.0, (step + 1) / max(1, config.warm_up))
    if config.schedule == "constant":
        return config.learning_rate * warm_up
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * warm_up * (0.01 + 0.99 * cosine)


def is_self_play_step(config: TrainingConfig, step: int) -> bool:
    """Return whether there is a round of self-play before an update."""
    every, first = config.self_play_every, config.self_play_from * config.steps
    return every > 0 and first <= step < config.steps and step % every == 0


def compute_noise_max(config: TrainingConfig, step: int) -> float:
    """Return the largest level of the noise that is added to the input of an update."""
    final = min(config.noise_final, config.noise_max)
    done = _compute_self_play_progress(config, step)
    return float(config.noise_max ** (1.0 - done) * final**done) if done else config.noise_max


def _compute_self_play_progress(config: TrainingConfig, step: int) -> float:
    """Return how much of the time with self-play is over, 0 to 1."""
    first = config.self_play_from * config.steps
    if not config.self_play_every or step <= first:
        return 0.0
    return min(1.0, (step - first) / (config.steps - first))
