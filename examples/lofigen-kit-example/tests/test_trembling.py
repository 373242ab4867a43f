from __future__ import annotations

import numpy as np
import pytest
from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit.testing import ContractSuite

from lofigen_kit_example.trembling import Trembling


class TestContract(ContractSuite):
    component = Trembling


def test_the_level_falls_as_far_as_it_says() -> None:
    steady = AudioBuffer(np.full((1, 8000), 0.5), 8000)
    ctx = Context(rng=np.random.default_rng(0))
    wet = Trembling(rate_hz=4.0, depth_db=6.0).apply(steady, ctx).samples[0]
    assert wet.max() == pytest.approx(0.5)
    assert 20.0 * np.log10(wet.min() / wet.max()) == pytest.approx(-6.0, abs=0.01)
    assert np.argmin(wet[:2000]) == 1000
