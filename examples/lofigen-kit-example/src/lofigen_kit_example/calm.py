"""`calm`: the likelier part of what the network says, and calmer."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import Field, ParametricSampler, Sampler, SamplingParams, hookimpl


class Calm(ParametricSampler):
    """Draws from the likeliest components alone, and nearer to what is expected.

    Attributes:
        share: How much of the probability stays, the likeliest first.
        calm: How far each draw is moved to the mean of all that stays: 1 is the mean itself.
    """

    use: Literal["calm"] = "calm"
    share: float = Field(default=0.9, ge=0.01, le=1)
    calm: float = Field(default=0.5, ge=0, le=1)

    def sampling_params(self) -> SamplingParams:
        """Say it as a law, which the compiled engine follows."""
        return SamplingParams(top_p=self.share, spread=1.0 - self.calm)


@hookimpl
def lofigen_samplers() -> list[type[Sampler]]:
    """Provide the sampler."""
    return [Calm]
