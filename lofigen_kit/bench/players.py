"""The ways to generate: the reference's, a ring buffer, blocks in torch, and the engine.

Each prepares a number of steps and returns what plays them, sampling included. The first two play
one track after another; so they are measured on one, and on one core.
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
"""Samples that the reference runs through the network for each new one."""

PIECE = 8 * BLOCK
"""Steps, at least, of what works in blocks: beside them its start does not count."""

GUIDE_LEVEL = 0.1


@dataclass(frozen=True, eq=False)
class PlayerJob:
    """What is to be played.

    Attributes:
        network: The network.
        sampler: How samples are drawn.
        tracks: How many tracks.
        threads: On how many cores.
        device: Where torch computes: `cpu` or `cuda`.
    """

    network: Network
    sampler: Sampler
    tracks: int = 1
    threads: int = 1
    device: str = "cpu"

    def make_tracks(self, frames: int) -> list[Track]:
        """Return tracks of so many frames, each with a guide of its own."""
        channels = len(self.network.spec.guide)
        tracks = []
        for take in range(self.tracks):
            rng = rng_for(0, take, "bench")
            guide = GUIDE_LEVEL * rng.standard_normal((channels, frames), dtype=np.float32)
            tracks.append(Track(frames, guide=guide, rng=rng))
        return tracks


def prepare_window(job: PlayerJob, steps: int) -> Play:
    """A full window through torch's own Conv1d for each sample, as the reference does it."""
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
    """A step of every layer for each sample, in numpy."""
    from threadpoolctl import threadpool_limits

    spec = job.network.spec
    buffer = Ring(job.network)
    [track] = job.make_tracks(steps)
    columns = track.read_guide(0, steps, len(spec.guide))

    def play() -> None:
        newest = 0.0
        with threadpool_limits(job.threads):  # or numpy multiplies on every core
            for column, pair in zip(columns, track.rng.random((steps, 1, 2)), strict=True):
                outputs = buffer.step(newest, column)
                [newest] = job.sampler.draw(outputs[None], spec.head, pair)

    return play


def prepare_torch_stream(job: PlayerJob, steps: int) -> Play:
    """The engine's blocks in torch's own operations, all tracks side by side."""
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
    """The compiled engine, as `chain preset` and `generate` use it."""
    tracks = job.make_tracks(steps)
    return lambda: generate(job.network, job.sampler, tracks, threads=job.threads)


class Method(NamedTuple):
    """A way to generate.

    Attributes:
        prepare: Returns what plays a number of steps.
        unit: Steps come in multiples of this.
        alone: Whether it plays one track after another, on one core.
        module: What it needs, to be imported.
    """

    prepare: Callable[[PlayerJob, int], Play]
    unit: int
    alone: bool
    module: str

    def find_missing(self) -> str | None:
        """Return why it cannot run here, if it cannot."""
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
"""By the names that they have on the command line, the slowest first."""
