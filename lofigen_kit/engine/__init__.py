"""Exact fast generation: audio out of a causal Conv1d stack, one new output for each sample.

    tracks = [Track(frames=8000, rng=rng_for(1, take, "model")) for take in range(16)]
    audio = generate(network, sampler, tracks, threads=2)

A take depends on its own track alone: never on the other tracks of a batch, the number of threads
or the length of the chunks. Importing this package imports neither numba nor torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lofigen_kit.engine.track import EndlessTrack, GuideReader, Track
from lofigen_kit.runtime.lazy_imports import lazy_getattr

if TYPE_CHECKING:
    from lofigen_kit.engine.batch import generate
    from lofigen_kit.engine.reference import Ring
    from lofigen_kit.engine.stream import CompiledDecoder, predict
    from lofigen_kit.engine.torch_stream import TorchDecoder

__all__ = [
    "CompiledDecoder",
    "EndlessTrack",
    "GuideReader",
    "Ring",
    "TorchDecoder",
    "Track",
    "generate",
    "predict",
]

if not TYPE_CHECKING:  # type checkers see the imports above
    __getattr__ = lazy_getattr(
        __name__,
        {
            "Ring": f"{__name__}.reference",
            "CompiledDecoder": f"{__name__}.stream",
            "TorchDecoder": f"{__name__}.torch_stream",
            "generate": f"{__name__}.batch",
            "predict": f"{__name__}.stream",
        },
    )
