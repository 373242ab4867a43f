"""The distribution of the next sample, and the parameters of sampling from it.

For every sample a head returns either a mixture of logistics over the amplitude (`mol`: 3*M
numbers: log-weights, means, log-scales), 256 log-probabilities of mu-law levels (`mulaw`), or the
conditional mean alone (`mse`). `SamplingParams` describe how to draw from it, so that the compiled
engine can do so; `sampling.draw` does the same in plain numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HeadKind = Literal["mse", "mol", "mulaw"]

MULAW_LEVELS = 256
MIN_LOG_SCALE = -7.5
"""The narrowest logistic: without a limit, the likelihood of a single sample is unbounded."""


@dataclass(frozen=True)
class SamplingParams:
    """How to draw a sample; the attributes are in the order in which they apply.

    Attributes:
        temperature: Divides the log-weights and multiplies the widths of the logistics; 0 gives the
            mode.
        top_k: Keep the k heaviest components or levels; 0 keeps all.
        top_p: Keep the fewest heaviest ones whose weights reach this sum; 1 keeps all.
        tail: Clamp the quantile of each logistic to [tail, 1 - tail], which avoids spikes; 0 clamps
            nothing.
        spread: Scale the distance of a draw from the mean of what is kept; 1 leaves it, 0 gives the
            mean, as in the reference implementation.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    tail: float = 0.0
    spread: float = 1.0
