"""Count the cost of a sample: multiply-adds with weights, and bytes of weights.

The butterflies of the FFTs, sampling and the memory traffic of the state are not counted. So a
floor from these numbers is a lower bound of the algorithm's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lofigen_kit.engine.plan import BLOCK, NEAR, WIDTH, PackedNetwork, tile_sizes

if TYPE_CHECKING:
    from lofigen_kit.nn.checkpoint import Network

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """The cost of one step.

    Attributes:
        macs: Multiply-adds for each lane, that is, for each sample.
        near_bytes: Weights that every step reads, once for all lanes.
        tile_bytes: Weights of the tiles, also read once for all lanes, divided by their period.
    """

    macs: float
    near_bytes: float
    tile_bytes: float = 0.0

    @property
    def nbytes(self) -> float:
        """The bytes of all weights that are read."""
        return self.near_bytes + self.tile_bytes


def plan_cost(plan: PackedNetwork) -> Cost:
    """Return the mean cost of a step of the engine.

    A relaxed layer sums one to `NEAR` lags, (`NEAR` + 1) / 2 on average. A tile of size U is
    computed every 2 U steps, the look-back every `BLOCK` steps. A real FFT of length n has n floats
    of weights for each pair of channels, and each is used in two multiplications.
    """
    near = spectral = 0.0
    periods = [*(2 * size for size in tile_sizes()), BLOCK]
    for layer, tiles in zip(plan.layers, plan.tiles, strict=True):
        outputs = int(layer["blocks"]) * WIDTH
        pairs = int(layer["inputs"]) * outputs
        near += pairs * ((NEAR + 1) / 2 if layer["relaxed"] else int(layer["taps"]))
        near += outputs * plan.channels * int(layer["hidden"])
        lengths = zip(tiles["length"].tolist(), periods, strict=True)
        spectral += pairs * sum(length / period for length, period in lengths)
    return Cost(near + 2 * spectral, FLOAT_BYTES * near, FLOAT_BYTES * spectral)


def near_size(plan: PackedNetwork) -> int:
    """Return the number of weights of the direct part, with all lags."""
    layers = plan.layers
    each = layers["inputs"] * layers["taps"] + layers["hidden"] * plan.channels
    return int((layers["blocks"] * WIDTH * each).sum())


def ring_cost(network: Network) -> Cost:
    """Return the cost of a step with ring buffers: every weight once."""
    count = sum(weights.size for weights in (*network.weights, *network.guide_weights))
    return Cost(count, FLOAT_BYTES * count)


def window_cost(network: Network, frames: int) -> Cost:
    """Return the cost of one new sample from a full window of `frames` frames."""
    step = ring_cost(network)
    return Cost(step.macs * frames, step.near_bytes)
