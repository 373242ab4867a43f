from __future__ import annotations

import pytest

from lofigen_kit.dsp.filters import rounds


@pytest.mark.parametrize("feedback", [0.1, 0.5, 0.9])
def test_after_so_many_rounds_80_db_are_gone(feedback: float) -> None:
    assert feedback ** rounds(feedback) == pytest.approx(1e-4)


@pytest.mark.parametrize("feedback", [0.0, 5e-324, 1e-300])
def test_a_feedback_of_nothing_goes_round_no_more(feedback: float) -> None:
    assert rounds(feedback) == 0
