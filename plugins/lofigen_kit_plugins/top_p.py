"""`top-p`: the most likely components that together reach a probability."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import Field, ParametricSampler, SamplingParams, hookimpl


class TopP(ParametricSampler):
    """Draws from the fewest components or levels whose probabilities sum to `p` (nucleus sampling).

    Attributes:
        p: The probability to keep, above 0 to 1; 1 keeps all.
        temperature: 0 is the most likely sample, 1 the network's own distribution, 0 to 2.
    """

    use: Literal["top-p"] = "top-p"
    p: float = Field(default=0.9, gt=0, le=1)
    temperature: float = Field(default=1.0, ge=0, le=2)

    def sampling_params(self) -> SamplingParams:
        """Return parameters that keep the nucleus."""
        return SamplingParams(top_p=self.p, temperature=self.temperature)


@hookimpl
def lofigen_samplers() -> list[type[TopP]]:
    """Provide the sampler."""
    return [TopP]
