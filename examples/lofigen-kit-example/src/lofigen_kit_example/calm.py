"""`calm`: only the more likely part of the distribution, and nearer to its mean."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import Field, ParametricSampler, Sampler, SamplingParams, hookimpl


class Calm(ParametricSampler):
    """Draws from only the most likely components, and nearer to their mean.

    Attributes:
        share: The probability to keep, the most likely components first.
        calm: How far each draw is moved to the mean of what is kept; 1 is the mean itself.
    """

    use: Literal["calm"] = "calm"
    share: float = Field(default=0.9, ge=0.01, le=1)
    calm: float = Field(default=0.5, ge=0, le=1)

    def sampling_params(self) -> SamplingParams:
        """Return sampling parameters, which the compiled engine can use."""
        return SamplingParams(top_p=self.share, spread=1.0 - self.calm)


@hookimpl
def lofigen_samplers() -> list[type[Sampler]]:
    """Provide the sampler."""
    return [Calm]
