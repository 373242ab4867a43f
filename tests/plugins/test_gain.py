"""Gain: decibels, and none."""

import numpy as np
import pytest

from lofigen_kit.api import AudioBuffer, AudioFormat, Context
from lofigen_kit_plugins.gain import Gain

NOISE = np.random.default_rng(0).uniform(-1, 1, (2, 20_000)).astype(np.float32)


@pytest.mark.parametrize("gain_db", [-60.0, -6.0, 24.0])
def test_decibels(gain_db: float) -> None:
    context = Context(rng=np.random.default_rng(0))
    out = Gain(gain_db=gain_db).apply(AudioBuffer(NOISE, 44_100), context).samples
    assert out == pytest.approx(10 ** (gain_db / 20) * NOISE, rel=1e-6)


def test_no_gain_is_no_change() -> None:
    context = Context(rng=np.random.default_rng(0))
    assert np.array_equal(Gain().apply(AudioBuffer(NOISE, 44_100), context).samples, NOISE)


def test_a_gain_that_is_moved_makes_no_step() -> None:
    sound, context = AudioFormat(1, 3000, 44_100), Context(rng=np.random.default_rng(0))
    process = Gain().start(sound, context)
    ones = np.ones((1, 1000), np.float32)
    out = np.concatenate([process(ones, Gain(gain_db=db)) for db in (0, -20, -20)], axis=1)[0]
    assert np.abs(np.diff(out)).max() < 0.001
    assert out[[0, 1999, 2999]] == pytest.approx([1, 0.1, 0.1])
