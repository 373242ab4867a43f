"""A network that is small enough for any test."""

from __future__ import annotations

import numpy as np

from lofigen_kit.nn.checkpoint import Network, expected_shapes
from lofigen_kit.nn.spec import make_stack_spec


def make_small_network(guide: tuple[str, ...], sample_rate_hz: int) -> Network:
    """Return three small convolutions with random weights that follow a guide."""
    spec = make_stack_spec(
        [(1, 8, 16), (8, 8, 32), (8, 9, 16)],
        head="mol", mixtures=3, guide=guide, sample_rate_hz=sample_rate_hz,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    tensors = {
        name: rng.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in expected_shapes(spec).items()
    }
    return Network(
        spec,
        tuple(tensors[f"layers.{n}.weight"] for n in range(3)),
        tuple(tensors[f"layers.{n}.bias"] for n in range(3)),
        tuple(tensors[f"guides.{n}.weight"] for n in range(2)),
        facts={"licence": "CC0-1.0"},
        sha256="ab" * 32,
    )
