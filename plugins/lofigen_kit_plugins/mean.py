"""`mean`: the conditional expectation, as in the reference implementation."""

from __future__ import annotations

from typing import ClassVar, Literal

from lofigen_kit.api import HeadKind, ParametricSampler, SamplingParams, hookimpl


class Mean(ParametricSampler):
    """Returns the expected next sample, without randomness; free-running, it fades out or hums."""

    use: Literal["mean"] = "mean"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mse", "mol", "mulaw")

    def sampling_params(self) -> SamplingParams:
        """Return parameters that give the mean."""
        return SamplingParams(spread=0.0)


@hookimpl
def lofigen_samplers() -> list[type[Mean]]:
    """Provide the sampler."""
    return [Mean]
