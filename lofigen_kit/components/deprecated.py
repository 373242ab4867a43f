"""Contracts of before, which plugins of others may still keep; they go with version 1.0."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any

from lofigen_kit.components.contracts import ParametricSampler
from lofigen_kit.nn.distribution import SamplingParams


class LawSampler(ParametricSampler):
    """A `ParametricSampler` whose method is called `law`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Warn whoever writes one."""
        super().__init_subclass__(**kwargs)
        warnings.warn(
            f"{cls.__name__}: LawSampler is ParametricSampler now, and law() sampling_params()",
            DeprecationWarning,
            stacklevel=2,
        )

    @abstractmethod
    def law(self) -> SamplingParams:
        """Return the numbers that this sampler's parameters mean."""

    def sampling_params(self) -> SamplingParams:
        """Return what `law` says."""
        return self.law()
