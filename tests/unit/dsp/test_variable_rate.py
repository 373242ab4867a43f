"""Reading unevenly in blocks is reading the whole unevenly; parameters move without steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioFormat
from lofigen_kit.dsp.interpolate import read_at
from lofigen_kit.dsp.lfo import SmoothedValue
from lofigen_kit.dsp.variable_rate import VariableRateReader

REACH = 50


def positions(frames: np.ndarray) -> np.ndarray:
    return np.asarray(frames + 40.0 * np.sin(0.01 * frames))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5000), st.integers(1, 3000), st.integers(1, 2))
def test_in_blocks_as_in_one_piece(frames: int, size: int, channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (channels, frames)).astype(np.float32)
    late = VariableRateReader.latency_frames(REACH)
    reader = VariableRateReader(AudioFormat(channels, frames, 8000), REACH)
    coming = np.pad(samples, ((0, 0), (0, late)))
    blocks = [
        reader(coming[:, start : start + size], positions)
        for start in range(0, coming.shape[1], size)
    ]
    whole = read_at(samples, positions(np.arange(frames)).clip(0, frames - 1))
    assert np.concatenate(blocks, axis=1)[:, late:] == pytest.approx(whole, abs=1e-5)


def test_a_glide_goes_from_where_it_was_to_where_it_is_sent() -> None:
    glide = SmoothedValue()
    assert glide(3.0, 4) == 3.0
    moving = np.asarray(glide(5.0, 100))
    assert moving[-1] == 5.0
    assert np.abs(np.diff(moving)).max() < 0.03
    assert moving[0] == pytest.approx(3.0, abs=0.03)
    assert glide(5.0, 4) == 5.0
