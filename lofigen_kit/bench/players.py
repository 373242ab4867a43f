"""The methods of generation: a full window, ring buffers, blocks in torch, and the engine.

Each one prepares a number of steps and returns a function that runs them, including sampling. The
first two cannot generate tracks side by side, so they are measured with one track on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lofigen_kit.bench.rounds import Play
from lofigen_kit.components.contracts import Sampler
from lofigen_kit.engine import Ring, Track, generate
from lofigen_kit.engine.plan import BLOCK
from lofigen_kit.runtime.seeding import rng_for

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

WINDOW = 8192
"""Samples that the full-window method runs through the network for each new sample."""

PIECE = 8 * BLOCK
"""The smallest number of steps of methods that work in blocks, so that the start does not count."""

GUIDE_LEVEL = 0.1


@dataclass(frozen=True, eq=False)
class PlayerJob:
    """The task of a method.

    Attributes:
        network: The network.
        sampler: The sampler.
        tracks: The number of tracks.
        threads: The number of threads.
        device: The device on which torch computes: `cpu` or `cuda`.
    """

    network: Network
    sampler: Sampler
    tracks: int = 1
    threads: int = 1
    device: str = "cpu"

    def make_tracks(self, frames: int) -> list[Track]:
        """Return tracks of `frames` frames, each with a different guide."""
        channels = len(self.network.spec.guide)
        tracks = []
        for take in range(self.tracks):
            rng = rng_for(0, take, "bench")
            guide = GUIDE_LEVEL * rng.standard_normal((channels, frames), dtype=np.float32)
            tracks.append(Track(frames, guide=guide, rng=rng))
        return tracks


def prepare_window(job: PlayerJob, steps: int) -> Play:
    """Return a function that runs a full window through torch's Conv1d for each sample."""
    import torch

    from lofigen_kit.bench.training import convert_to_conv1d
    from lofigen_kit.nn.network import from_network

    spec = job.network.spec
    stack = convert_to_conv1d(from_network(job.network))
    [track] = job.make_tracks(WINDOW)
    guide = torch.from_numpy(track.guide)[None]
    samples = torch.zeros(1, 1, WINDOW)

    @torch.inference_mode()
    def play() -> None:
        torch.set_num_threads(job.threads)
        for pair in track.rng.random((steps, 1, 2)):
            outputs = stack(samples, guide)[:, :, -1].numpy()
            newest = job.sampler.draw(outputs, spec.head, pair)
            samples.copy_(torch.cat([samples[..., 1:], torch.from_numpy(newest)[None, None]], 2))

    return play


def prepare_ring(job: PlayerJob, steps: int) -> Play:
    """Return a function that runs one step of every layer for each sample, in numpy."""
    from threadpoolctl import threadpool_limits

    spec = job.network.spec
    buffer = Ring(job.network)
    [track] = job.make_tracks(steps)
    columns = track.read_guide(0, steps, len(spec.guide))

    def play() -> None:
        newest = 0.0
        with threadpool_limits(job.threads):  # otherwise numpy uses all cores
            for column, pair in zip(columns, track.rng.random((steps, 1, 2)), strict=True):
                outputs = buffer.step(newest, column)
                [newest] = job.sampler.draw(outputs[None], spec.head, pair)

    return play


def prepare_torch_stream(job: PlayerJob, steps: int) -> Play:
    """Return a function that runs the engine's blocks in torch, all tracks side by side."""
    import torch

    blocked = import_module("lofigen_kit.engine.torch_stream")
    lanes = blocked.TorchDecoder(job.network, job.sampler, lanes=job.tracks, device=job.device)
    tracks = job.make_tracks(steps)

    def play() -> None:
        torch.set_num_threads(job.threads)
        for lane, track in enumerate(tracks):
            lanes.prime(track, lane)
        lanes.run(steps)

    return play


def prepare_engine(job: PlayerJob, steps: int) -> Play:
    """Return a function that runs the compiled engine, which `chain preset` uses."""
    tracks = job.make_tracks(steps)
    return lambda: generate(job.network, job.sampler, tracks, threads=job.threads)


class Method(NamedTuple):
    """A method of generation.

    Attributes:
        prepare: Returns a function that runs a number of steps.
        unit: The number of steps is a multiple of this.
        alone: Whether it runs only one track, on one core.
        module: The module that it needs.
    """

    prepare: Callable[[PlayerJob, int], Play]
    unit: int
    alone: bool
    module: str

    def find_missing(self) -> str | None:
        """Return why the method cannot run here, or None if it can."""
        try:
            import_module(self.module)
        except ImportError as error:
            return str(error)
        return None


METHODS = {
    "window": Method(prepare_window, 1, alone=True, module="torch"),
    "ring": Method(prepare_ring, 1, alone=True, module="lofigen_kit.engine.reference"),
    "torch-blocked": Method(
        prepare_torch_stream, PIECE, alone=False, module="lofigen_kit.engine.torch_stream"
    ),
    "engine": Method(
        prepare_engine, PIECE, alone=False, module="lofigen_kit.engine.compiled_stream"
    ),
}
"""The methods by their names on the command line, the slowest first."""
