"""What every decoder can do, and which of the two a device gets."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lofigen_kit.engine.track import Track
from lofigen_kit.nn.distribution import SamplingParams

if TYPE_CHECKING:
    from lofigen_kit.components.contracts import Sampler
    from lofigen_kit.engine.compiled_stream import CompiledDecoder
    from lofigen_kit.nn.checkpoint import Network

_log = logging.getLogger(__name__)


class Decoder(Protocol):
    """Several tracks, its lanes, which are generated in step, sample after sample.

    Lanes begin, end and change their tracks between blocks alone: where the decoder is `aligned`.
    """

    @property
    def lanes(self) -> int:
        """How many tracks are carried side by side."""

    @property
    def aligned(self) -> bool:
        """Whether the decoder stands between two blocks, where a lane can take a new track."""

    def prime(self, track: Track, lane: int = 0) -> None:
        """Put a track's start into a lane, forgetting what was there.

        Where there are other lanes, the decoder must be `aligned`.

        Raises:
            InputError: where the track does not fit the network.
            ValueError: between two blocks of other lanes.
        """

    def run(self, steps: int) -> np.ndarray:
        """Generate the next samples of every lane.

        Returns:
            np.ndarray [shape=(lanes, steps), dtype=float32]. What lies beyond a track's end means
            nothing.
        """

    def reset(self, lane: int = 0) -> None:
        """Let a lane forget its track and start from silence."""

    def keep(self, lanes: Iterable[int]) -> None:
        """Keep these lanes alone, numbered anew; they go on as before. Needs to be `aligned`."""

    def copy(self) -> Decoder:
        """Return an independent decoder that goes on exactly as this one would."""

    def frames_left(self, lane: int) -> int:
        """Return how many of the lane's frames `run` has still to return."""

    def set_sampling_params(self, params: SamplingParams) -> None:
        """Draw with other parameters from the next block on, where the decoder can."""


def make_decoder(network: Network, sampler: Sampler, *, device: str, lanes: int = 1) -> Decoder:
    """Return a decoder: on a CPU the compiled one, where numba runs.

    Args:
        network: The network.
        sampler: How samples are drawn.
        device: `cpu` or `cuda`.
        lanes: How many tracks it carries side by side.
    """
    compiled = find_compiled_decoder() if device == "cpu" else None
    if compiled:
        return compiled(network, sampler, lanes=lanes)
    from lofigen_kit.engine.torch_stream import TorchDecoder

    return TorchDecoder(network, sampler, lanes=lanes, device=device)


def find_compiled_decoder() -> type[CompiledDecoder] | None:
    """Return the compiled decoder; None, with a warning in the log, where numba does not run."""
    try:
        from lofigen_kit.engine.compiled_stream import CompiledDecoder
    except ImportError as error:  # numba does not know this Python, numpy or machine
        _log.warning("the compiled engine is not to be had (%s): playing in slow motion", error)
        return None
    return CompiledDecoder
