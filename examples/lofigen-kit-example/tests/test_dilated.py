from __future__ import annotations

import numpy as np
import pytest
from lofigen_kit.api import Context
from lofigen_kit.testing import ContractSuite

from lofigen_kit_example.dilated import Dilated


class TestContract(ContractSuite):
    component = Dilated


def test_it_hears_what_its_dilations_reach() -> None:
    network = Dilated().load(Context(rng=np.random.default_rng(0)))
    assert network.spec.receptive_field == 1 + 2 * sum((1, 2, 4, 8, 16, 32))
    for weight in network.weights:
        assert not weight[:, :, 1:-1].any()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_seed_makes_the_weights(seed: int) -> None:
    ctx = Context(rng=np.random.default_rng(0))
    mine, default = Dilated(seed=seed), Dilated()
    assert mine.load(ctx).sha256 == mine.load(ctx).sha256
    assert mine.load(ctx).sha256 != default.load(ctx).sha256
