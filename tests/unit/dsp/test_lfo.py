"""Glides and oscillators: what moves goes on where the last block left it."""

import numpy as np
import pytest

from lofigen_kit.dsp.lfo import Lfo, SmoothedValue, loop_locked_rate


def test_a_glide_stands_still_until_it_is_moved() -> None:
    glide = SmoothedValue()
    assert [glide(0.3, 8192), glide(0.3, 8192)] == [0.3, 0.3]
    assert glide(0.7, 4) == pytest.approx([0.4, 0.5, 0.6, 0.7])
    assert glide(0.7, 4) == 0.7


@pytest.mark.parametrize("loop_s", [None, 3.1])
def test_an_oscillator_goes_on_from_block_to_block(loop_s: float | None) -> None:
    whole = Lfo(8000, loop_s)(1.7, 3000)
    parts = Lfo(8000, loop_s)
    phases = np.concatenate([parts(1.7, 1000) for _ in range(3)])
    assert np.exp(1j * phases) == pytest.approx(np.exp(1j * whole), abs=1e-9)
    assert np.ptp(np.diff(whole)) < 1e-9


@pytest.mark.parametrize(
    ("cycles_hz", "loop_s", "expected"),
    [(0.5, None, 0.5), (0.5, 3.0, 2 / 3), (0.1, 3.0, 1 / 3), (5.0, 2.05, 10 / 2.05)],
)
def test_a_loop_holds_whole_cycles(cycles_hz: float, loop_s: float, expected: float) -> None:
    assert loop_locked_rate(cycles_hz, loop_s) == pytest.approx(expected)
