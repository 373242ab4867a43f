from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.dsp.allpass import AllpassCascade

FRAMES = 8000
NOISE = np.random.default_rng(0).uniform(-1, 1, (1, FRAMES)).astype(np.float32)


def test_it_turns_the_phase_by_a_quarter_at_the_corner_and_keeps_the_level() -> None:
    turns = np.full((1, FRAMES), 2 * np.pi * 0.05)
    tone = np.sin(2 * np.pi * 0.05 * np.arange(FRAMES))[None].astype(np.float32)
    out = AllpassCascade(1, 1)(tone, turns, np.zeros(FRAMES))
    expected = -np.cos(2 * np.pi * 0.05 * np.arange(FRAMES))
    assert out[0, 500:] == pytest.approx(expected[500:], abs=1e-5)


def test_corners_that_leap_at_every_frame_make_no_energy() -> None:
    turns = 2 * np.pi * np.random.default_rng(1).uniform(0.001, 0.45, (1, FRAMES))
    out = AllpassCascade(1, 6)(NOISE, turns, np.zeros(FRAMES))
    assert np.square(out).sum() <= np.square(NOISE).sum() * 1.0001
    fed_back = AllpassCascade(1, 6)(NOISE, turns, np.full(FRAMES, 0.9))
    assert np.sqrt(np.square(fed_back).sum() / np.square(NOISE).sum()) <= 1 / (1 - 0.9)
