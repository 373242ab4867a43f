"""Deprecated contracts, which third-party plugins may still use; to be removed in version 1.0."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any

from lofigen_kit.components.contracts import ParametricSampler
from lofigen_kit.nn.distribution import SamplingParams


class LawSampler(ParametricSampler):
    """A `ParametricSampler` whose method is named `law`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Warn about the deprecated base class."""
        super().__init_subclass__(**kwargs)
        warnings.warn(
            f"{cls.__name__}: LawSampler is ParametricSampler now, and law() sampling_params()",
            DeprecationWarning,
            stacklevel=2,
        )

    @abstractmethod
    def law(self) -> SamplingParams:
        """Return the sampling parameters of this sampler."""

    def sampling_params(self) -> SamplingParams:
        """Return the result of `law`."""
        return self.law()
