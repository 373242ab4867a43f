"""The files of a training: its state and its checkpoint, written and read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lofigen_kit.corpus.songs import Song, hash_songs
from lofigen_kit.errors import InputError, RenderError
from lofigen_kit.nn.checkpoint import Network, save
from lofigen_kit.nn.fftconv import METHODS
from lofigen_kit.nn.network import CausalStack, to_tensors
from lofigen_kit.nn.spec import NetworkSpec
from lofigen_kit.training import state as states
from lofigen_kit.training.config import TrainingConfig, to_json
from lofigen_kit.training.hardware import Hardware
from lofigen_kit.training.learner import Learner
from lofigen_kit.training.state import TrainingState


def describe_training(
    spec: NetworkSpec,
    songs: Sequence[Song],
    config: TrainingConfig,
    start: Network | None,
    hardware: Hardware,
) -> dict[str, Any]:
    """Return what the bits of a training depend on, besides its state and its machine."""
    return {
        "recipe": to_json(config),
        "spec": spec.model_dump(mode="json"),
        "songs": hash_songs(songs),
        "precision": hardware.precision,
        **({"start": start.sha256} if start else {}),
    }


def read_state(
    path: Path, about: dict[str, Any], facts: dict[str, Any], hardware: Hardware
) -> TrainingState:
    """Read the state beside a checkpoint, and check that it is of this training.

    Args:
        path: The checkpoint.
        about: What `describe_training` says of what is asked for now.
        facts: What the caller knows; what it leaves out may be anything.
        hardware: A convolution that is given must be that of the state.

    Raises:
        InputError: naming what differs.
        CheckpointError: where there is no state, or it is not whole.
    """
    place = states.get_state_path(path)
    state = states.read(place)
    states.check_same(place, state.about, about)
    states.check_same(place, state.facts, json.loads(json.dumps(facts)))
    if hardware.convolution not in (None, "auto"):
        asked = {"convolution": list(hardware.convolution or ())}
        states.check_same(place, state.about, asked)
    return state


def check_state(
    path: Path, state: TrainingState, spec: NetworkSpec, songs: Sequence[Song], steps: int
) -> None:
    """Refuse a state whose arrays do not fit the network or the songs.

    Raises:
        InputError: where one does not fit.
    """
    shapes = {name: tuple(t.shape) for name, t in CausalStack(spec).state_dict().items()}
    fits = 0 <= state.step <= steps
    for part in states.PARTS:
        found = {name: array.shape for name, array in state.parts[part].items()}
        fits = fits and found == (shapes if state.step or part in states.PARTS[:2] else {})
    for index, samples in state.self_play.items():
        fits = fits and 0 <= index < len(songs)
        fits = fits and len(samples) == len(songs[index].samples)
    methods = state.about.get("convolution")
    fits = fits and isinstance(methods, list) and len(methods) == len(spec.layers)
    if not fits or not set(methods or ()) <= set(METHODS):
        raise InputError("the state does not fit its own network", where=path)


def make_facts(state: TrainingState, config: TrainingConfig, hardware: Hardware) -> dict[str, Any]:
    """Return what a checkpoint records of its training, as plain JSON data."""
    return {
        **state.facts,
        "recipe": to_json(config),
        "steps": state.step,
        "loss": state.loss,
        "seconds": round(state.seconds),
        "device": hardware.device,
        "device_seconds": round(state.seconds * hardware.processes.count),
        "precision": hardware.precision,
        "convolution": state.about["convolution"],
    }


def write_training(
    path: Path, state: TrainingState, learner: Learner, spec: NetworkSpec, facts: dict[str, Any]
) -> None:
    """Write the state and then, after the first update, the checkpoint with averaged weights.

    Raises:
        RenderError: where a weight is not a number; nothing is written then.
    """
    if not learner.is_finite():
        raise make_nan_error(path, state.step)
    state.parts = learner.to_parts()
    states.write(states.get_state_path(path), state)
    if state.step:
        save(path, spec, to_tensors(learner.make_averaged_stack()), facts, half=True)


def make_nan_error(path: Path, step: int) -> RenderError:
    """Return the error for a loss that is not a number."""
    return RenderError(
        f"the loss is not a number at step {step}",
        where=path,
        remedy="lower the learning rate; the last checkpoint is kept",
    )
