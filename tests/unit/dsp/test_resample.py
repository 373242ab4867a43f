"""Resampling: exact lengths, alignment, purity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.dsp.resample import Oversampler, resample
from lofigen_kit.errors import AudioError

RATES_HZ = (8000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 3000), st.sampled_from(RATES_HZ), st.sampled_from(RATES_HZ), st.integers(1, 3)
)
def test_length_is_the_rounded_ratio(frames: int, old_hz: int, new_hz: int, channels: int) -> None:
    audio = AudioBuffer(np.ones((channels, frames)), old_hz)
    resampled = resample(audio, new_hz)
    assert resampled.samples.shape == (channels, int(frames * new_hz / old_hz + 0.5))
    assert resampled.sample_rate_hz == new_hz


@pytest.mark.parametrize(("old_hz", "new_hz"), [(8000, 44_100), (44_100, 48_000), (48_000, 8000)])
def test_a_sine_stays_the_same_sine_in_place(old_hz: int, new_hz: int) -> None:
    def sine(rate_hz: int) -> np.ndarray:
        return np.asarray(0.5 * np.sin(2 * np.pi * 997 * np.arange(2 * rate_hz) / rate_hz))

    resampled = resample(AudioBuffer(sine(old_hz)[None], old_hz), new_hz).samples[0]
    middle = slice(new_hz // 2, -new_hz // 2)
    error = resampled[middle] - sine(new_hz)[middle]
    assert 20 * np.log10(np.abs(error).max() / 0.5) < -110


def test_what_lies_above_the_new_nyquist_is_gone() -> None:
    tone = np.sin(2 * np.pi * 5000 * np.arange(88_200) / 44_100)[None]
    alias = resample(AudioBuffer(tone, 44_100), 8000).samples[0, 4000:-4000]
    assert 20 * np.log10(np.abs(alias).max()) < -120


def test_the_same_rate_is_the_same_sound() -> None:
    audio = AudioBuffer(np.ones((1, 5)), 8000)
    assert resample(audio, 8000) is audio


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(AudioError, match="outside 1 to 384 kHz"):
        resample(AudioBuffer(np.ones((1, 5)), 8000), 0)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [100, 256, 8192])
def test_oversampling_nothing_only_comes_late(factor: int, size: int) -> None:
    rate_hz = 44_100
    sine = np.sin(2 * np.pi * 3000 * np.arange(rate_hz) / rate_hz)
    samples = np.stack([sine, -0.5 * sine]).astype(np.float32)
    oversampler = Oversampler(2, factor)
    blocks = [samples[:, start : start + size] for start in range(0, rate_hz, size)]
    through = np.concatenate([oversampler(block, lambda x: x) for block in blocks], axis=1)
    latency = oversampler.latency_frames
    assert through.shape == samples.shape
    assert np.abs(through[:, latency:] - samples[:, : rate_hz - latency])[:, 500:-500].max() < 1e-6


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_edges_of_blocks_leave_no_trace(factor: int) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (1, 30_000)).astype(np.float32)
    whole = Oversampler(1, factor)(noise, np.tanh)
    pieces = Oversampler(1, factor)
    blocks = [pieces(noise[:, start : start + 1000], np.tanh) for start in range(0, 30_000, 1000)]
    np.testing.assert_allclose(np.concatenate(blocks, axis=1), whole, atol=1e-6)
