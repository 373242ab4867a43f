"""Loudness against EBU Tech 3341 and pyloudnorm; true peak against its known values."""

import math

import numpy as np
import pyloudnorm
import pytest

from lofigen_kit.audio.buffer import AudioBuffer
from lofigen_kit.dsp.loudness import integrated_lufs, true_peak_dbtp
from lofigen_kit.errors import AudioError

RATE_HZ = 48_000


def stereo_sine(*segments: tuple[float, float], rate_hz: int = RATE_HZ) -> AudioBuffer:
    """Return 1 kHz in both channels: (level in dBFS, seconds), one after the other."""
    gains = np.concatenate(
        [np.full(round(seconds * rate_hz), 10 ** (level / 20)) for level, seconds in segments]
    )
    wave = gains * np.sin(2 * np.pi * 1000 * np.arange(len(gains)) / rate_hz)
    return AudioBuffer(np.stack([wave, wave]), rate_hz)


@pytest.mark.parametrize(
    ("segments", "expected_lufs"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
    ids=["case 1", "case 2", "case 3", "case 4", "case 5"],
)
def test_ebu_tech_3341(segments: list[tuple[float, float]], expected_lufs: float) -> None:
    assert integrated_lufs(stereo_sine(*segments)) == pytest.approx(expected_lufs, abs=0.05)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_agrees_with_pyloudnorm(rate_hz: int, channels: int) -> None:
    rng = np.random.default_rng(channels)
    swell = np.linspace(0.001, 0.3, 5 * rate_hz)
    audio = AudioBuffer(swell * rng.standard_normal((channels, 5 * rate_hz)), rate_hz)
    meter = pyloudnorm.Meter(rate_hz, filter_class="DeMan")
    assert integrated_lufs(audio) == pytest.approx(
        meter.integrated_loudness(audio.samples.T.astype(np.float64)), abs=1e-3
    )


def test_low_sample_rates_read_as_high_ones() -> None:
    assert integrated_lufs(stereo_sine((-23, 5), rate_hz=8000)) == pytest.approx(-23, abs=0.05)


def test_a_clip_shorter_than_a_block_counts_as_one() -> None:
    short, long = stereo_sine((-20, 0.2)), stereo_sine((-20, 5))
    assert integrated_lufs(short) == pytest.approx(integrated_lufs(long), abs=0.2)


@pytest.mark.parametrize("frames", [0, 1, 1000, 96_000])
def test_silence_has_no_loudness_and_no_peak(frames: int) -> None:
    silence = AudioBuffer(np.zeros((2, frames)), RATE_HZ)
    assert integrated_lufs(silence) == -math.inf
    assert true_peak_dbtp(silence) == -math.inf


def test_six_channels_are_refused() -> None:
    with pytest.raises(AudioError, match="up to 5 channels"):
        integrated_lufs(AudioBuffer(np.zeros((6, 100)), RATE_HZ))


def test_true_peak_between_samples() -> None:
    # A quarter of the rate at 45 degrees: no sample above -3 dB, and the wave reaches 0 dB.
    phase = np.pi / 2 * np.arange(RATE_HZ) + np.pi / 4
    faded = np.hanning(RATE_HZ) * np.sin(phase)
    audio = AudioBuffer(faded[None], RATE_HZ)
    assert 20 * np.log10(np.abs(audio.samples).max()) == pytest.approx(-3.01, abs=0.01)
    assert true_peak_dbtp(audio) == pytest.approx(0.0, abs=0.01)


def test_the_louder_channel_decides() -> None:
    audio = AudioBuffer(np.stack([np.full(100, 0.01), np.full(100, 0.25)]), RATE_HZ)
    assert true_peak_dbtp(audio) >= 20 * math.log10(0.25)
