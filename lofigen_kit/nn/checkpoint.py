"""Checkpoints: safetensors with a JSON header. No pickle is ever loaded, and no torch is needed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from lofigen_kit.errors import CheckpointError
from lofigen_kit.nn.spec import NetworkSpec

MAX_BYTES = 1 << 30
FORMAT = "lofigen-kit checkpoint 1"


@dataclass(frozen=True, eq=False)
class Network:
    """A trained stack as plain float32 arrays, which is all that generation needs.

    Attributes:
        spec: Its shape.
        weights: For each layer, [shape=(out, in, kernel)]; tap 0 is the oldest sample.
        biases: For each layer, [shape=(out,)].
        guide_weights: For each layer but the last, [shape=(out, guide channels)]; empty if
            the network is unguided. Their biases are part of `biases`.
        facts: What was recorded of the training: data, steps, loss, licence.
        sha256: The hash over every tensor's name, shape and bytes.
    """

    spec: NetworkSpec
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    guide_weights: tuple[np.ndarray, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @property
    def licence(self) -> str:
        """The licence of the weights."""
        return str(self.facts.get("licence", "unknown"))

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(a.size for a in (*self.weights, *self.biases, *self.guide_weights))


def expected_shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that a checkpoint of this spec holds."""
    shapes: dict[str, tuple[int, ...]] = {}
    for index, layer in enumerate(spec.layers):
        shapes[f"layers.{index}.weight"] = (layer.out_channels, layer.in_channels, layer.kernel)
        shapes[f"layers.{index}.bias"] = (layer.out_channels,)
        if spec.guide and index < len(spec.layers) - 1:
            shapes[f"guides.{index}.weight"] = (layer.out_channels, len(spec.guide))
    return shapes


def hash_tensors(tensors: dict[str, np.ndarray]) -> str:
    """Return the sha256 over names, types, shapes and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        digest.update(f"{name}|{tensor.dtype.str}|{tensor.shape}|".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def save(
    path: Path,
    spec: NetworkSpec,
    tensors: dict[str, np.ndarray],
    facts: dict[str, Any],
    *,
    half: bool = False,
) -> str:
    """Write a checkpoint whole or not at all, and return its hash.

    Args:
        path: Where to.
        spec: The network's shape; the tensors must fit it.
        tensors: By name, as `expected_shapes` lists them.
        facts: Training facts, plain JSON data; `licence` among them.
        half: Store float16 (half the size; the rounding is 2**-11 of each weight).
    """
    from safetensors.numpy import save as to_bytes

    from lofigen_kit.runtime.files import write_atomic

    dtype = np.float16 if half else np.float32
    stored = {name: np.ascontiguousarray(t, dtype=dtype) for name, t in tensors.items()}
    _check_shapes(stored, spec, path)
    sha256 = hash_tensors(stored)
    header = {
        "format": FORMAT,
        "spec": spec.model_dump(mode="json"),
        "facts": facts,
        "sha256": sha256,
    }
    write_atomic(path, to_bytes(stored, {"lofigen": json.dumps(header, sort_keys=True)}))
    return sha256


def load(path: Path) -> Network:
    """Read a checkpoint and check it: format, header, shapes, finiteness, hash.

    Raises:
        CheckpointError: naming the tensor and both shapes where they differ.
    """
    blob = _read(path)
    tensors, header = _parse(path, blob)
    try:
        spec = NetworkSpec.model_validate(header["spec"])
    except (KeyError, ValidationError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "no spec"
        raise CheckpointError(f"its header is not usable ({detail})", where=path) from None
    _check_shapes(tensors, spec, path)
    found, declared = hash_tensors(tensors), header.get("sha256")
    if found != declared:
        raise CheckpointError(
            f"the weights' hash is {found[:12]}, its header says {str(declared)[:12]}",
            where=path,
            remedy="the file is damaged or was edited: fetch or train it again",
        )
    full = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    for name, tensor in full.items():
        if not np.isfinite(tensor).all():
            raise CheckpointError(f"tensor {name!r} holds numbers that are not finite", where=path)
    return _build_network(spec, full, dict(header.get("facts") or {}), found)


def assemble_network(
    spec: NetworkSpec, tensors: dict[str, np.ndarray], facts: dict[str, Any]
) -> Network:
    """Return the network of tensors that stand in no file.

    Args:
        spec: Its shape, which the tensors must fit.
        tensors: By name, as `expected_shapes` lists them.
        facts: What is known of them; `licence` among it.

    Raises:
        CheckpointError: naming the tensor that does not fit.
    """
    full = {name: np.ascontiguousarray(t, dtype=np.float32) for name, t in tensors.items()}
    _check_shapes(full, spec)
    return _build_network(spec, full, facts, hash_tensors(full))


def _build_network(
    spec: NetworkSpec, tensors: dict[str, np.ndarray], facts: dict[str, Any], sha256: str
) -> Network:
    layers = range(len(spec.layers))
    return Network(
        spec=spec,
        weights=tuple(tensors[f"layers.{i}.weight"] for i in layers),
        biases=tuple(tensors[f"layers.{i}.bias"] for i in layers),
        guide_weights=tuple(tensors[f"guides.{i}.weight"] for i in layers[:-1])
        if spec.guide
        else (),
        facts=facts,
        sha256=sha256,
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError("the file is over 1 GiB, too large for a checkpoint", where=path)
        return path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(
            "there is no such checkpoint", where=path, remedy="see `lofigen-kit models list`"
        ) from None
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=path) from None


def _parse(path: Path, blob: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the tensors and the JSON header of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        tensors = from_bytes(blob)
        length = int.from_bytes(blob[:8], "little")
        metadata = json.loads(blob[8 : 8 + length]).get("__metadata__") or {}
        header = json.loads(metadata["lofigen"])
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise KeyError("format")
    except KeyError:
        raise CheckpointError(
            "a safetensors file, but not one that lofigen-kit wrote", where=path
        ) from None
    except (SafetensorError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"not a whole safetensors file ({error})",
            where=path,
            remedy="lofigen-kit loads .safetensors alone, never a pickled .pt or .ckpt",
        ) from None
    return tensors, header


def _check_shapes(
    tensors: dict[str, np.ndarray], spec: NetworkSpec, path: Path | None = None
) -> None:
    expected = expected_shapes(spec)
    for name, shape in expected.items():
        if name not in tensors:
            raise CheckpointError(f"tensor {name!r} is missing", where=path)
        if tensors[name].shape != shape:
            raise CheckpointError(
                f"tensor {name!r} has the shape {tensors[name].shape}, its header says {shape}",
                where=path,
            )
        if tensors[name].dtype not in (np.float16, np.float32):
            raise CheckpointError(
                f"tensor {name!r} is {tensors[name].dtype}, not a float", where=path
            )
    if extra := sorted(set(tensors) - set(expected)):
        raise CheckpointError(f"tensor {extra[0]!r} belongs to no layer", where=path)
