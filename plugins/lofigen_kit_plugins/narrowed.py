"""`narrowed`: the whole distribution, narrowed around its mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from lofigen_kit.api import Field, ParametricSampler, PartName, SamplingParams, hookimpl


class Narrowed(ParametricSampler):
    """Draws from the whole distribution, and moves every draw towards its mean.

    A low `temperature` makes a mixture choose its most likely component, which changes from sample
    to sample and is heard as a rustle. This sampler keeps all components and narrows the whole.

    Attributes:
        spread: The share of its distance from the mean that a draw keeps, 0 to 1.
        spreads: The same of parts that a network plays alone, by their name: a part that is noise
            wants a wider one than a tone.
        tail: The quantile cut at either end of each component, 0 to 0.49; 0 cuts nothing.
    """

    use: Literal["narrowed"] = "narrowed"
    spread: float = Field(default=0.1, ge=0, le=1)
    spreads: dict[PartName, Annotated[float, Field(ge=0, le=1)]] = Field(default={}, max_length=32)
    tail: float = Field(default=0.01, ge=0, le=0.49)

    def sampling_params_of(self, part: str) -> SamplingParams:
        """Return the parameters of a part, with a spread of its own if it has one."""
        return replace(self.sampling_params(), spread=self.spreads.get(part, self.spread))

    def sampling_params(self) -> SamplingParams:
        """Return parameters that cut the tails and narrow the draw."""
        return SamplingParams(tail=self.tail, spread=self.spread)


@hookimpl
def lofigen_samplers() -> list[type[Narrowed]]:
    """Provide the sampler."""
    return [Narrowed]
