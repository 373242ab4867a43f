from __future__ import annotations

import numpy as np
import pytest
from lofigen_kit.testing import ContractSuite

from lofigen_kit_example.calm import Calm


class TestContract(ContractSuite):
    component = Calm


def test_the_calmer_the_nearer_to_the_mean() -> None:
    uniforms = np.random.default_rng(0).random((20_000, 2))
    one_logistic = np.tile([0.0, 0.2, -4.0], (20_000, 1))
    wide = Calm(share=1.0, calm=0.0).draw(one_logistic, "mol", uniforms)
    calm = Calm(share=1.0, calm=0.75).draw(one_logistic, "mol", uniforms)
    assert calm.std() == pytest.approx(0.25 * wide.std(), rel=1e-3)
    assert calm.mean() == pytest.approx(0.2, abs=1e-3)
