"""The state of a training: all that the next update depends on, in one safetensors file.

It is beside the checkpoint, `model.state` beside `model.safetensors`, and is of a moment between
two updates. A training that resumes from it gives the same bits as one that never stopped. It is
written whole or not at all, before the checkpoint, and holds the step itself. So a process that is
killed at any moment leaves a state and a checkpoint that are each whole, and the state alone is
enough to resume.

The keys of the file are those of its first version, and do not change: see
`training.config.STORED_NAMES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lofigen_kit.errors import CheckpointError, InputError, RenderError
from lofigen_kit.nn.checkpoint import hash_tensors
from lofigen_kit.training.config import FIELD_NAMES

FORMAT = "lofigen-kit training state 1"
MAX_BYTES = 1 << 32
PARTS = ("weights", "average", "first", "second")
"""What is kept of each tensor of a network: itself, its moving average, Adam's two moments."""

CURVE_COLUMNS = ("step", "loss", "seconds")


@dataclass(eq=False)
class TrainingState:
    """A training between two updates.

    Attributes:
        step: Updates so far.
        loss: Smoothed training loss; not a number before the first update.
        seconds: Time in training, over all runs.
        self_play_step: The step of the last round of self-play; -1 is never.
        validation_step: The step of the last validation; -1 is never.
        parts: For each of `PARTS`, float32 arrays by a tensor's name.
        self_play: What the network played in the last round, by the song's index
            [shape=(frames,), dtype=float32].
        curve: Rows of `CURVE_COLUMNS`.
        validation: One row for each validation.
        about: What else a training depends on, as plain JSON data: hyperparameters (`recipe`),
            spec, songs, kinds of convolution.
        facts: What the checkpoint will say of data and licence, as plain JSON data.
    """

    step: int = 0
    loss: float = float("nan")
    seconds: float = 0.0
    self_play_step: int = -1
    validation_step: int = -1
    parts: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    self_play: dict[int, np.ndarray] = field(default_factory=dict)
    curve: list[tuple[float, ...]] = field(default_factory=list)
    validation: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def get_state_path(checkpoint: Path) -> Path:
    """Return where the state of a checkpoint's training is."""
    return checkpoint.with_suffix(".state")


def write(path: Path, state: TrainingState) -> None:
    """Write a state whole or not at all.

    Raises:
        RenderError: where it is over 4 GiB.
        OSError: as the system says it.
    """
    from safetensors.numpy import save as to_bytes

    from lofigen_kit.runtime.files import write_atomic

    tensors = _to_tensors(state)
    if sum(tensor.nbytes for tensor in tensors.values()) > MAX_BYTES:
        raise RenderError(
            "the training's state is over 4 GiB", where=path, remedy="lower self_play_songs"
        )
    header = {
        "format": FORMAT,
        "sha256": hash_tensors(tensors),
        "step": state.step,
        "loss": state.loss if np.isfinite(state.loss) else None,
        "seconds": state.seconds,
        "rehearsed": state.self_play_step,
        "validated": state.validation_step,
        "validation": state.validation,
        "about": state.about,
        "facts": state.facts,
    }
    write_atomic(path, to_bytes(tensors, {"lofigen": json.dumps(header)}))


def read(path: Path) -> TrainingState:
    """Read a state and check it: format, hash, names and types of its tensors.

    Raises:
        CheckpointError: where there is none, or it is not whole.
    """
    tensors, header = _parse(path)
    if hash_tensors(tensors) != header.get("sha256"):
        raise _make_damaged_error(path, "its hash is wrong")
    try:
        state = _from_tensors(tensors)
        state.step = int(header["step"])
        state.self_play_step = int(header["rehearsed"])
        state.validation_step = int(header["validated"])
        state.loss = float("nan") if header["loss"] is None else float(header["loss"])
        state.seconds = float(header["seconds"])
        state.validation = [dict(row) for row in header["validation"]]
        state.about, state.facts = dict(header["about"]), dict(header["facts"])
    except (KeyError, ValueError, TypeError) as error:
        raise _make_damaged_error(path, str(error)) from None
    return state


def check_same(path: Path, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse to resume with something else than what the training began with.

    Args:
        path: The state's file, for the message.
        found: What the state says.
        asked: What is asked for, by the same keys; what it leaves out may be anything.

    Raises:
        InputError: naming the first field that differs, and both values where they are short.
    """
    # Single values first: they say more than the lists that follow from them.
    for name, value in sorted(asked.items(), key=lambda item: isinstance(item[1], list)):
        known = found.get(name)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            check_same(path, known, value)
        elif known != value:
            texts = [json.dumps(v, default=str) for v in (known, value)]
            values = [text if len(text) <= 80 else "other" for text in texts]
            label = FIELD_NAMES.get(name, name)
            raise InputError(
                f"{label} is {values[1]} now and was {values[0]} when this training began"
                if values != ["other", "other"]
                else f"{label} is not what it was when this training began",
                where=path,
                remedy="resume with the same, or start again with --force",
            )


def _to_tensors(state: TrainingState) -> dict[str, np.ndarray]:
    tensors = {
        f"{part}.{name}": np.ascontiguousarray(tensor, dtype=np.float32)
        for part, named in state.parts.items()
        for name, tensor in named.items()
    }
    for index, samples in state.self_play.items():
        tensors[f"played.{index}"] = np.ascontiguousarray(samples, dtype=np.float32)
    curve = np.array(state.curve, dtype=np.float64).reshape(-1, len(CURVE_COLUMNS))
    return {**tensors, "curve": curve}


def _from_tensors(tensors: dict[str, np.ndarray]) -> TrainingState:
    state = TrainingState(parts={part: {} for part in PARTS})
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "curve" and tensor.dtype == np.float64 and tensor.ndim == 2:
            state.curve = [tuple(row) for row in tensor.tolist()]
            continue
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise ValueError(f"tensor {name!r} is not of finite float32")
        if kind == "played" and tensor.ndim == 1:
            state.self_play[int(rest)] = tensor
        elif kind in PARTS:
            state.parts[kind][rest] = tensor
        else:
            raise ValueError(f"tensor {name!r} is unknown")
    return state


def _parse(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the tensors and the header of a state file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        if path.stat().st_size > MAX_BYTES + (1 << 24):
            raise _make_damaged_error(path, "it is over 4 GiB")
        blob = path.read_bytes()
        tensors = from_bytes(blob)
        length = int.from_bytes(blob[:8], "little")
        header = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["lofigen"])
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ValueError("lofigen-kit did not write it")
    except FileNotFoundError:
        raise CheckpointError(
            "there is no training to resume", where=path, remedy="leave out --resume"
        ) from None
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=path) from None
    except (SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _make_damaged_error(path, str(error)) from None
    return tensors, header


def _make_damaged_error(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"not the state of a training ({why})",
        where=path,
        remedy="start from the checkpoint with --from, or start again",
    )
