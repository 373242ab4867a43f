from __future__ import annotations

import numpy as np
import pytest
from lofigen_kit.api import Context
from lofigen_kit.testing import ContractSuite

from lofigen_kit_example.timekeeper import Timekeeper


class TestContract(ContractSuite):
    component = Timekeeper


def test_every_beat_is_played_and_written() -> None:
    ctx = Context(rng=np.random.default_rng(0))
    take = Timekeeper(bars=2, tempo_bpm=120.0).make_take(ctx)
    assert take.audio.duration_s == pytest.approx(4.0)
    assert take.score.onsets_s("hat") == pytest.approx(np.arange(8) * 0.5)
    beats = np.abs(take.audio.samples[0].reshape(8, -1))
    assert (beats[:, :400].max(axis=1) > 10.0 * beats[:, -400:].max(axis=1)).all()
