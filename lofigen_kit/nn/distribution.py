"""What the network says of the next sample, and how to draw from it: in numbers alone.

A distribution head gives, for every sample, either a mixture of logistics over the amplitude
(`mol`: 3*M numbers: log-weights, means, log-scales), 256 log-probabilities of mu-law levels
(`mulaw`) or the bare conditional mean (`mse`). `SamplingParams` say what to do with it, so that
the compiled engine can follow them; `sampling.draw` does the same in plain numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HeadKind = Literal["mse", "mol", "mulaw"]

MULAW_LEVELS = 256
MIN_LOG_SCALE = -7.5
"""The narrowest logistic: below it a single sample's likelihood grows without bound."""


@dataclass(frozen=True)
class SamplingParams:
    """How to draw, in the order in which it applies.

    Attributes:
        temperature: Divides the log-weights and multiplies the logistics' widths; 0 is the mode.
        top_k: Keep the k heaviest components or levels; 0 keeps all.
        top_p: Keep the fewest heaviest ones whose weights reach this sum; 1 keeps all.
        tail: Clamp each logistic's quantile to [tail, 1 - tail]; 0 lets it spike.
        spread: Move what was drawn towards the mean of all that is left, to this share of its
            distance; 1 leaves it, 0 is the mean itself, the reference's way.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    tail: float = 0.0
    spread: float = 1.0
