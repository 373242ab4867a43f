"""`truncated`: the distribution without its far tails."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import Field, ParametricSampler, SamplingParams, hookimpl


class Truncated(ParametricSampler):
    """Draws with the far tails of each logistic cut off, which avoids spikes of single samples.

    Attributes:
        temperature: 0 is the most likely sample, 1 the network's own distribution, 0 to 2.
        tail: The quantile cut at either end, 0 to 0.49; 0 cuts nothing.
    """

    use: Literal["truncated"] = "truncated"
    temperature: float = Field(default=0.8, ge=0, le=2)
    tail: float = Field(default=0.01, ge=0, le=0.49)

    def sampling_params(self) -> SamplingParams:
        """Return parameters that scale the width and clamp the quantile."""
        return SamplingParams(temperature=self.temperature, tail=self.tail)


@hookimpl
def lofigen_samplers() -> list[type[Truncated]]:
    """Provide the sampler."""
    return [Truncated]
