"""`top-k`: only the k most likely components."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import Field, ParametricSampler, SamplingParams, hookimpl


class TopK(ParametricSampler):
    """Draws from the `k` most likely components of a mixture, or levels of a mu-law head.

    Attributes:
        k: Number of components or levels to keep, 1 to 256.
        temperature: 0 is the most likely sample, 1 the network's own distribution, 0 to 2.
    """

    use: Literal["top-k"] = "top-k"
    k: int = Field(default=4, ge=1, le=256)
    temperature: float = Field(default=1.0, ge=0, le=2)

    def sampling_params(self) -> SamplingParams:
        """Return parameters that keep the k heaviest."""
        return SamplingParams(top_k=self.k, temperature=self.temperature)


@hookimpl
def lofigen_samplers() -> list[type[TopK]]:
    """Provide the sampler."""
    return [TopK]
