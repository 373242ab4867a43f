"""Time stretching: length, pitch, onsets in their places, and loops."""

from __future__ import annotations

import numpy as np
import pytest

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit.effects import rack
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.time_stretch import TimeStretch

RATE_HZ = 44_100


def stretched(
    rate: float, samples: np.ndarray, rate_hz: int = RATE_HZ, *, loop: bool = False
) -> np.ndarray:
    audio, context = AudioBuffer(samples, rate_hz), Context(rng_for(1, 0, ""))
    return rack.apply_effect(TimeStretch(rate=rate), audio, context, loop=loop).samples


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("rate", [0.5, 0.9, 1.0, 1.37, 2.0])
def test_the_length_changes_and_the_pitch_does_not(rate: float, loop: bool) -> None:
    frames = 3 * RATE_HZ
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(frames) / RATE_HZ)[None]
    out = stretched(rate, tone, loop=loop)[0]
    assert len(out) == round(frames / rate)
    middle = out[len(out) // 4 : -len(out) // 4].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    cents = 1200 * np.log2(np.argmax(spectrum) * RATE_HZ / (1 << 20) / 440)
    assert abs(cents) < 2
    assert np.std(middle) == pytest.approx(np.std(tone), rel=0.06)


@pytest.mark.parametrize("rate", [0.8, 1.25])
def test_strokes_come_when_the_tempo_says(rate: float) -> None:
    strokes = np.zeros((1, 4 * RATE_HZ))
    noise = np.random.default_rng(0).normal(size=2000) * np.exp(-np.arange(2000) / 300)
    starts = [RATE_HZ // 2 * beat for beat in range(1, 8)]
    for start in starts:
        strokes[0, start : start + 2000] = 0.3 * noise
    out = np.abs(stretched(rate, strokes)[0])
    for start in starts:
        expected = round(start / rate)
        around = out[expected - 4000 : expected + 4000]
        onset = np.flatnonzero(around > 0.3 * around.max())[0] - 4000
        assert abs(onset) < 0.012 * RATE_HZ


@pytest.mark.parametrize("rate", [0.8, 1.25])
def test_a_loop_has_no_seam(rate: float) -> None:
    frames = 2 * RATE_HZ
    loop = 0.5 * np.sin(2 * np.pi * 220 * np.arange(frames) / RATE_HZ)[None]
    out = stretched(rate, loop, loop=True)[0]
    around = np.concatenate([out[-2000:], out[:2000]])
    assert np.abs(np.diff(around)).max() < 1.2 * np.abs(np.diff(out)).max()
    envelope = np.sqrt(np.convolve(around**2, np.ones(400) / 400, mode="valid"))
    assert envelope.min() > 0.5 * envelope.max()


@pytest.mark.parametrize("rate_hz", [8000, 96_000])
@pytest.mark.parametrize("frames", [0, 1, 7, 900])
@pytest.mark.parametrize("loop", [False, True])
def test_sounds_of_any_length(frames: int, rate_hz: int, loop: bool) -> None:
    out = stretched(0.7, np.full((2, frames), 0.5), rate_hz, loop=loop)
    assert out.shape == (2, round(frames / 0.7))
