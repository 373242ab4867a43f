"""The ring buffer: the oracle in plain numpy, and the path without numba.

A layer needs its own last K inputs and nothing else, so each step costs one matrix-vector product
for every layer (Fast WaveNet, arXiv 1611.09482) instead of one whole window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lofigen_kit.components.contracts import ParametricSampler
from lofigen_kit.engine.track import Track, check_finite, draw_in_python
from lofigen_kit.nn.sampling import draw

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Sampler
    from lofigen_kit.nn.checkpoint import Network
    from lofigen_kit.nn.distribution import HeadKind


class Ring:
    """One track's state: the last K inputs of every layer, zero before the start.

    Args:
        network: The network.
        dtype: float32 as the network runs, or float64 as the oracle.
    """

    def __init__(self, network: Network, dtype: type[np.floating] = np.float32) -> None:
        scale = network.spec.input_scale
        scales = [scale, *[1.0] * (len(network.weights) - 1)]
        self._weights = [
            (w * dtype(s)).astype(dtype) for w, s in zip(network.weights, scales, strict=True)
        ]
        self._biases = [b.astype(dtype) for b in network.biases]
        self._guides = [g.astype(dtype) for g in network.guide_weights]
        self._rings = [np.zeros(w.shape[1:], dtype) for w in self._weights]
        self._step = 0

    def step(self, sample: float, guide: Sequence[float] | np.ndarray = ()) -> np.ndarray:
        """Take one sample and return what the head says of the next.

        Args:
            sample: The newest sample.
            guide: The column that conditions the prediction [shape=(guide channels,)].

        Returns:
            np.ndarray [shape=(head outputs,)].
        """
        last = len(self._weights) - 1
        values = np.full(1, sample, self._rings[0].dtype)
        for index, (weights, ring) in enumerate(zip(self._weights, self._rings, strict=True)):
            kernel = ring.shape[1]
            ring[:, self._step % kernel] = values
            # The oldest input is the one that the next step overwrites.
            oldest_first = np.roll(ring, -(self._step + 1) % kernel, axis=1)
            values = np.tensordot(weights, oldest_first, 2) + self._biases[index]
            if index < last:
                if self._guides:
                    values += self._guides[index] @ np.asarray(guide, values.dtype)
                values = np.where(np.isneginf(values), values, np.maximum(values, 0))
        self._step += 1
        return values


def generate_track(network: Network, sampler: Sampler, track: Track) -> np.ndarray:
    """Return the track's frames [shape=(frames,), dtype=float32], one ring step for each."""
    ring = Ring(network)
    known = track.first_inputs
    steps = len(known) + track.frames - 1
    guide = track.read_guide(0, steps, len(network.spec.guide))
    for sample, column in zip(known[:-1], guide, strict=False):
        ring.step(sample, column)
    audio = np.empty(track.frames + 1, np.float32)
    audio[0] = known[-1]
    uniforms = track.rng.random((track.frames, 2))
    for t in range(track.frames):
        outputs = ring.step(audio[t], guide[len(known) - 1 + t])
        [audio[t + 1]] = _draw(
            sampler, track, outputs[None], network.spec.head, uniforms[t : t + 1]
        )
    return audio[1:]


def _draw(
    sampler: Sampler, track: Track, outputs: np.ndarray, head: HeadKind, uniforms: np.ndarray
) -> np.ndarray:
    """Return what is drawn as the track says or, where it says nothing, as the sampler does."""
    if track.sampling_params is None or not isinstance(sampler, ParametricSampler):
        return draw_in_python(sampler, outputs, head, uniforms)
    check_finite(outputs)
    return draw(outputs, head, track.sampling_params, uniforms)
