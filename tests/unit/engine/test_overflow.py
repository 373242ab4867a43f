"""What overflows is an error, in every decoder, and never passes for sound at full scale.

All terms of each sum have one sign here, so that it becomes the same infinity whatever the order in
which a processor adds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest

from lofigen_kit.components.contracts import ParametricSampler, Sampler
from lofigen_kit.engine import CompiledDecoder, TorchDecoder, Track, generate
from lofigen_kit.engine.batch import _Job
from lofigen_kit.engine.reference import generate_track
from lofigen_kit.errors import RenderError
from lofigen_kit.nn.checkpoint import Network
from lofigen_kit.nn.sampling import HeadKind, SamplingParams, draw
from lofigen_kit.nn.spec import make_stack_spec

LARGEST = np.finfo(np.float32).max
HEADS: dict[HeadKind, int] = {"mse": 1, "mol": 9, "mulaw": 256}


class Compiled(ParametricSampler):
    """Draw by a law."""

    use: Literal["compiled"] = "compiled"

    def sampling_params(self) -> SamplingParams:
        return SamplingParams()


class InPython(Sampler):
    """Turn all that it sees into silence, infinities too."""

    use: Literal["in-python"] = "in-python"
    heads = ("mse", "mol", "mulaw")

    def draw(self, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray) -> np.ndarray:
        assert np.isfinite(outputs).all()
        return np.zeros(len(outputs))


def overflowing(head: HeadKind, layer: int, sign: float) -> Network:
    """Return a network in which one layer's sums overflow at once, to one side."""
    spec = make_stack_spec([(1, 4, 3), (4, 4, 3), (4, HEADS[head], 3)], head=head, mixtures=3)
    weights = [np.zeros((o, i, 3), np.float32) for i, o in ((1, 4), (4, 4), (4, HEADS[head]))]
    biases = [np.ones(w.shape[0], np.float32) for w in weights]
    weights[layer][:] = sign * LARGEST / spec.input_scale
    biases[layer][:] = sign * LARGEST
    return Network(spec, tuple(weights), tuple(biases))


def by_stream(network: Network, sampler: Sampler, track: Track) -> None:
    generate(network, sampler, [track, track])


def by_one_lane(network: Network, sampler: Sampler, track: Track) -> None:
    stream = CompiledDecoder(network, sampler)
    stream.prime(track)
    _Job([track], None).report(stream.run(64))


def by_torch(network: Network, sampler: Sampler, track: Track) -> None:
    _Job([track], None).work(TorchDecoder(network, sampler, lanes=1, device="cpu"))


def by_ring(network: Network, sampler: Sampler, track: Track) -> None:
    with np.errstate(all="ignore"):
        drawn = generate_track(network, sampler, track)
    _Job([track], None).report(drawn)


@pytest.mark.parametrize("sampler", [Compiled(), InPython()], ids=["law", "python"])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["plus", "minus"])
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("decode", [by_stream, by_one_lane, by_torch, by_ring])
def test_an_infinity_is_an_error(
    decode: Callable[[Network, Sampler, Track], None],
    head: HeadKind,
    layer: int,
    sign: float,
    sampler: Sampler,
) -> None:
    track = Track(64, np.full(8, 0.5, np.float32), rng=np.random.default_rng(1))
    with pytest.raises(RenderError, match="not a number"):
        decode(overflowing(head, layer, sign), sampler, track)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("head", HEADS)
def test_one_number_that_is_not_finite_spoils_the_draw(head: HeadKind, wrong: float) -> None:
    outputs = np.zeros((2, HEADS[head]), np.float32)
    outputs[1, -1] = wrong
    drawn = draw(outputs, head, SamplingParams(spread=0.5), np.full((2, 2), 0.5))
    assert np.isfinite(drawn[0])
    assert np.isnan(drawn[1])
