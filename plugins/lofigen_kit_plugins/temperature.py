"""`temperature`: the whole distribution, narrower or wider."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import Field, ParametricSampler, SamplingParams, hookimpl


class Temperature(ParametricSampler):
    """Draws from the whole distribution, sharpened below 1 and widened above.

    Attributes:
        temperature: 0 is the most likely sample, 1 the network's own distribution, 0 to 2.
    """

    use: Literal["temperature"] = "temperature"
    temperature: float = Field(default=0.8, ge=0, le=2)

    def sampling_params(self) -> SamplingParams:
        """Return parameters with this temperature."""
        return SamplingParams(temperature=self.temperature)


@hookimpl
def lofigen_samplers() -> list[type[Temperature]]:
    """Provide the sampler."""
    return [Temperature]
