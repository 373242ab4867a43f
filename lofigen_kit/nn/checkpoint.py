"""Checkpoints: safetensors files with a JSON header. They need neither pickle nor torch."""

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
    """A trained network as plain float32 arrays, as generation needs it.

    Attributes:
        spec: Its shape.
        weights: For each layer [shape=(out, in, kernel)]; tap 0 is the oldest sample.
        biases: For each layer [shape=(out,)].
        guide_weights: Weights of the conditioning input, for each layer but the last
            [shape=(out, guide channels)]; empty for an unconditioned network. Their biases are part
            of `biases`.
        facts: Facts of the training: data, steps, loss, licence.
        sha256: Hash of the name, type, shape and bytes of every tensor.
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
        """The number of trained parameters."""
        return sum(a.size for a in (*self.weights, *self.biases, *self.guide_weights))


def expected_shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor in a checkpoint of this spec."""
    shapes: dict[str, tuple[int, ...]] = {}
    for index, layer in enumerate(spec.layers):
        shapes[f"layers.{index}.weight"] = (layer.out_channels, layer.in_channels, layer.kernel)
        shapes[f"layers.{index}.bias"] = (layer.out_channels,)
        if spec.guide and index < len(spec.layers) - 1:
            shapes[f"guides.{index}.weight"] = (layer.out_channels, len(spec.guide))
    return shapes


def hash_tensors(tensors: dict[str, np.ndarray]) -> str:
    """Return the SHA-256 of all names, types, shapes and bytes, in the order of names."""
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
    """Write a checkpoint atomically, and return its hash.

    Args:
        path: The file.
        spec: Shape of the network.
        tensors: By name, as `expected_shapes` lists them.
        facts: Facts of the training as plain JSON data, with `licence` among them.
        half: Store float16: half the size, with a relative rounding error of 2**-11.

    Raises:
        CheckpointError: if a tensor does not fit the spec.
        OSError: if the file cannot be written.
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
    """Read and check a checkpoint: format, header, shapes, finite numbers, hash.

    Raises:
        CheckpointError: for any fault; it names the tensor and both shapes where they differ.
    """
    data = _read(path)
    tensors, header = _parse(path, data)
    try:
        spec = NetworkSpec.model_validate(header["spec"])
    except (KeyError, ValidationError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "no spec"
        raise CheckpointError(f"its header is not usable ({detail})", where=path) from None
    _check_shapes(tensors, spec, path)
    sha256, declared = hash_tensors(tensors), header.get("sha256")
    if sha256 != declared:
        raise CheckpointError(
            f"the weights' hash is {sha256[:12]}, its header says {str(declared)[:12]}",
            where=path,
            remedy="the file is damaged or was edited: fetch or train it again",
        )
    float_tensors = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    for name, tensor in float_tensors.items():
        if not np.isfinite(tensor).all():
            raise CheckpointError(f"tensor {name!r} holds numbers that are not finite", where=path)
    return _build_network(spec, float_tensors, dict(header.get("facts") or {}), sha256)


def assemble_network(
    spec: NetworkSpec, tensors: dict[str, np.ndarray], facts: dict[str, Any]
) -> Network:
    """Return a network made of tensors in memory.

    Args:
        spec: Shape of the network.
        tensors: By name, as `expected_shapes` lists them.
        facts: Facts of the training, with `licence` among them.

    Raises:
        CheckpointError: naming the tensor that does not fit.
    """
    float_tensors = {name: np.ascontiguousarray(t, dtype=np.float32) for name, t in tensors.items()}
    _check_shapes(float_tensors, spec)
    return _build_network(spec, float_tensors, facts, hash_tensors(float_tensors))


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


def _parse(path: Path, data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the tensors and the JSON header of a safetensors file."""
    from safetensors.numpy import load as from_bytes

    try:
        tensors = from_bytes(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
        header = json.loads(metadata["lofigen"])
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise KeyError("format")
    except KeyError:
        raise CheckpointError(
            "a safetensors file, but not written by lofigen-kit", where=path
        ) from None
    except Exception as error:  # whatever a stranger's bytes bring about
        raise CheckpointError(
            f"not a complete safetensors file ({error})",
            where=path,
            remedy="lofigen-kit loads only .safetensors, never a pickled .pt or .ckpt",
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
