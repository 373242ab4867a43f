"""Sample and hold: its images, its timing over blocks, and the filter against them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.downsample import Downsample

RATE_HZ = 44_100


def sampled(effect: Downsample, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def tone(frequency_hz: float, frames: int = 2 * RATE_HZ) -> np.ndarray:
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(frames) / RATE_HZ)
    return np.asarray(0.5 * wave[None], np.float32)


def level_db(samples: np.ndarray, frequency_hz: float) -> float:
    """Return the level of one frequency, off the ends."""
    middle = samples[0, 5000:-5000].astype(np.float64)
    window = np.blackman(len(middle))
    turns = np.exp(-2j * np.pi * frequency_hz / RATE_HZ * np.arange(len(middle)))
    return float(20 * np.log10(abs(middle * window @ turns) / window.sum() / 0.25))


def test_the_raw_image_is_heard_and_the_filtered_one_is_not() -> None:
    raw = sampled(Downsample(), tone(5000))
    assert level_db(raw, 21_040) - level_db(raw, 5000) == pytest.approx(-12.8, abs=1)
    clean = sampled(Downsample(anti_alias=True), tone(5000))
    assert level_db(clean, 21_040) < -80
    assert level_db(clean, 5000) == pytest.approx(0, abs=0.01)


def test_filtered_nothing_folds_back() -> None:
    effect = Downsample(rate_hz=8000, anti_alias=True)
    assert level_db(sampled(effect, tone(5000)), 3000) < -80
    assert level_db(sampled(effect, tone(5000)), 5000) < -80
    assert level_db(sampled(effect, tone(3500)), 3500) == pytest.approx(0, abs=0.1)
    assert level_db(sampled(Downsample(rate_hz=8000), tone(5000)), 3000) > -10  # raw, it does


@pytest.mark.parametrize("rate_hz", [1000, 11_025, 14_700, 26_040, 44_099])
def test_each_sample_is_taken_on_time_over_all_blocks(rate_hz: int) -> None:
    frames = np.arange(60_000)
    out = sampled(Downsample(rate_hz=rate_hz), frames[None])
    count = frames * rate_hz // RATE_HZ
    taken_at = -(-count * RATE_HZ // rate_hz)  # the first frame at or after the sample's time
    assert np.array_equal(out[0], taken_at.astype(np.float32))


@pytest.mark.parametrize("anti_alias", [False, True])
def test_a_rate_above_the_sounds_own_changes_nothing(anti_alias: bool) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 20_000)).astype(np.float32)
    effect = Downsample(rate_hz=44_100, anti_alias=anti_alias)
    assert np.array_equal(sampled(effect, noise), noise)
    assert np.array_equal(sampled(effect, noise, 8000), noise)


@settings(deadline=None, max_examples=40)
@given(
    st.builds(Downsample, rate_hz=st.floats(1000, 48_000), anti_alias=st.booleans()),
    st.sampled_from((8000, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: Downsample, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    out = sampled(effect, noise, rate_hz)
    assert out.shape == noise.shape
    assert np.abs(out).max(initial=0) < 4
    assert np.array_equal(out, sampled(effect, noise, rate_hz))
