"""`narrowed`: the whole distribution, drawn towards its mean."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import Field, ParametricSampler, SamplingParams, hookimpl


class Narrowed(ParametricSampler):
    """Draws from the whole distribution, and moves every draw towards its mean.

    Where `temperature` makes a mixture choose its likeliest part, which changes from sample to
    sample and is heard as a rustle, this keeps all of its parts and makes the whole narrower.

    Attributes:
        spread: The share of its distance from the mean that a draw keeps, 0 to 1.
        tail: The quantile cut at either end of each part, 0 to 0.49; 0 cuts nothing.
    """

    use: Literal["narrowed"] = "narrowed"
    spread: float = Field(default=0.1, ge=0, le=1)
    tail: float = Field(default=0.01, ge=0, le=0.49)

    def sampling_params(self) -> SamplingParams:
        """Draw, and narrow."""
        return SamplingParams(tail=self.tail, spread=self.spread)


@hookimpl
def lofigen_samplers() -> list[type[Narrowed]]:
    """Provide the sampler."""
    return [Narrowed]
