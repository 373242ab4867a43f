from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as safetensors_bytes

from lofigen_kit.errors import CheckpointError
from lofigen_kit.nn.checkpoint import expected_shapes, load, save
from lofigen_kit.nn.spec import NetworkSpec, make_stack_spec

SPEC = make_stack_spec([(1, 4, 8), (4, 1, 4)], mixtures=2, guide=("kick.fast", "hat.fast"))


def tensors(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in expected_shapes(SPEC).items()
    }


def rewrite(path: Path, change: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
    """Write a file with a header that differs from what `save` would write."""
    blob = path.read_bytes()
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["lofigen"])
    path.write_bytes(safetensors_bytes(weights, {"lofigen": json.dumps({**header, **change})}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(path, SPEC, tensors(), {"licence": "CC0-1.0", "steps": 3})
    return path


def test_what_is_saved_is_loaded(file: Path) -> None:
    network = load(file)
    assert network.spec == SPEC
    assert network.licence == "CC0-1.0"
    assert network.facts["steps"] == 3
    assert network.parameters == sum(t.size for t in tensors().values())
    np.testing.assert_array_equal(network.weights[1], tensors()["layers.1.weight"])
    np.testing.assert_array_equal(network.guide_weights[0], tensors()["guides.0.weight"])


def test_half_precision_is_half_the_size_and_rounds_by_half_a_bit_in_eleven(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save(path, SPEC, tensors(), {}, half=True)
    for index, found in enumerate(load(path).weights):
        exact = tensors()[f"layers.{index}.weight"]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, rtol=2**-11)


def test_an_edited_weight_is_found_by_its_hash(file: Path) -> None:
    edited = tensors()
    edited["layers.0.bias"][0] += 1e-3
    rewrite(file, {}, edited)
    with pytest.raises(CheckpointError, match="hash"):
        load(file)


def test_a_flipped_bit_anywhere_in_the_weights_is_found(file: Path) -> None:
    blob = bytearray(file.read_bytes())
    blob[-5] ^= 1
    file.write_bytes(blob)
    with pytest.raises(CheckpointError, match="hash"):
        load(file)


def test_a_tensor_of_another_shape_is_named_with_both_shapes(file: Path) -> None:
    wrong = {**tensors(), "layers.0.bias": np.zeros(5, np.float32)}
    rewrite(file, {}, wrong)
    with pytest.raises(CheckpointError, match=r"'layers\.0\.bias'.*\(5,\).*\(4,\)"):
        load(file)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nan.safetensors"
    save(path, SPEC, {**tensors(), "layers.0.bias": np.full(4, np.nan, np.float32)}, {})
    with pytest.raises(CheckpointError, match=r"'layers\.0\.bias'.*not finite"):
        load(path)


def test_a_header_may_not_ask_for_an_absurd_network(file: Path) -> None:
    spec = SPEC.model_dump(mode="json")
    spec["layers"][0]["kernel"] = 10**9
    rewrite(file, {"spec": spec}, tensors())
    with pytest.raises(CheckpointError, match="header"):
        load(file)


@pytest.mark.parametrize("length", [0, 4, 8, 100])
def test_a_truncated_file_is_refused(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointError, match="safetensors"):
        load(file)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="never a pickled"):
        load(path)
    assert not (tmp_path / "exploded").exists()


def test_somebody_elses_safetensors_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(safetensors_bytes(tensors()))
    with pytest.raises(CheckpointError, match="not written by lofigen-kit"):
        load(path)


def test_layers_that_do_not_fit_are_no_spec() -> None:
    layers = [
        {"in_channels": 1, "out_channels": 4, "kernel": 2},
        {"in_channels": 3, "out_channels": 1, "kernel": 2},
    ]
    with pytest.raises(ValueError, match="layer 1 takes 3 channels but gets 4"):
        NetworkSpec.model_validate({"layers": layers, "head": "mse"})
