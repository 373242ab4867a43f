"""Exact fast generation: audio out of a causal Conv1d stack, one new output for each sample.

    tracks = [Track(frames=8000, rng=seeding.stream(1, take, "model")) for take in range(16)]
    audio = generate(network, sampler, tracks, threads=2)

A take depends on its own track alone: never on the other tracks of a batch, the number of threads
or the length of the chunks. Importing this package imports neither numba nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lofigen_kit.engine.track import EndlessTrack, Scroll, Track

if TYPE_CHECKING:
    from lofigen_kit.engine.batch import generate
    from lofigen_kit.engine.ring import Ring
    from lofigen_kit.engine.stream import Stream, predict
    from lofigen_kit.engine.torch_blocked import TorchStream

__all__ = [
    "EndlessTrack",
    "Ring",
    "Scroll",
    "Stream",
    "TorchStream",
    "Track",
    "generate",
    "predict",
]

_HOMES = {
    "Ring": "ring",
    "Stream": "stream",
    "TorchStream": "torch_blocked",
    "generate": "batch",
    "predict": "stream",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
