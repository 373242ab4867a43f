"""`mean`: the conditional expectation, as the reference implementation plays."""

from __future__ import annotations

from typing import ClassVar, Literal

from lofigen_kit.api import HeadKind, ParametricSampler, SamplingParams, hookimpl


class Mean(ParametricSampler):
    """The expected next sample, with no chance in it; free-running, it fades or hums."""

    use: Literal["mean"] = "mean"
    heads: ClassVar[tuple[HeadKind, ...]] = ("mse", "mol", "mulaw")

    def sampling_params(self) -> SamplingParams:
        """Take the expectation."""
        return SamplingParams(spread=0.0)


@hookimpl
def lofigen_samplers() -> list[type[Mean]]:
    """Provide the sampler."""
    return [Mean]
