"""Codecs: length and time are kept, treble and detail are not."""

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.codec import Codec

CODECS = (Codec(codec="gsm"), Codec(codec="mp3"))


def coded(effect: Codec, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def speech_band(rate_hz: int, frames: int) -> np.ndarray:
    band = signal.butter(4, [300, 3000], "bandpass", fs=rate_hz, output="sos")
    noise = np.random.default_rng(0).normal(0, 0.3, frames)
    return np.repeat(signal.sosfilt(band, noise)[None], 2, axis=0)


def lag_frames(out: np.ndarray, before: np.ndarray) -> int:
    correlation = signal.correlate(out[0], before[0], method="fft")
    return int(np.argmax(correlation) - (before.shape[1] - 1))


@pytest.mark.parametrize("effect", CODECS, ids=lambda effect: effect.codec)
@pytest.mark.parametrize("rate_hz", [8000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("frames", [3000, 40_000, 8192 * 9])
def test_length_and_time_are_kept(effect: Codec, rate_hz: int, frames: int) -> None:
    before = speech_band(rate_hz, frames)
    out = coded(effect, before, rate_hz)
    assert out.shape == before.shape
    assert lag_frames(out, before) == 0
    assert 20 * np.log10(np.std(out) / np.std(before)) == pytest.approx(0, abs=4)


@pytest.mark.parametrize("effect", CODECS, ids=lambda effect: effect.codec)
def test_nothing_is_lost_between_blocks(effect: Codec) -> None:
    before = speech_band(44_100, 8192 * 9)
    out = coded(effect, before, 44_100)
    for start in range(0, 8192 * 8, 4096):
        here = slice(start, start + 8192)
        assert abs(lag_frames(out[:, here], before[:, here])) <= 2


@pytest.mark.parametrize("effect", CODECS, ids=lambda effect: effect.codec)
def test_what_is_louder_than_full_scale_is_not_clipped(effect: Codec) -> None:
    tone = np.sin(2 * np.pi * 400 * np.arange(44_100) / 44_100)
    peaks = [np.abs(coded(effect, peak * tone[None], 44_100)).max() for peak in (0.3, 1.2)]
    assert peaks[1] == pytest.approx(4 * peaks[0], rel=0.2)


@pytest.mark.parametrize(("effect", "hum_dbfs"), [(CODECS[0], -59), (CODECS[1], -90)])
def test_after_the_sound_the_line_hums_at_most(effect: Codec, hum_dbfs: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 88_200))
    noise[:, 44_100:] = 0
    after = coded(effect, noise, 44_100)[:, 44_100 + round(effect.tail_s * 44_100) :]
    assert np.abs(after).max() < 10 ** (hum_dbfs / 20)


def test_a_telephone_has_no_treble_and_one_channel() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (2, 44_100))
    out = coded(Codec(codec="gsm"), noise, 44_100)
    assert np.array_equal(out[0], out[1])
    power = np.abs(np.fft.rfft(out[0])) ** 2  # at whole hertz
    assert power[4500:].sum() < 0.01 * power.sum()


def test_a_small_mp3_has_less_treble_than_a_good_one() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (2, 44_100))
    power = {}
    for quality in (0, 9):
        out = coded(Codec(codec="mp3", mp3_quality=quality), noise, 44_100)
        power[quality] = (np.abs(np.fft.rfft(out[0])) ** 2)[14_000:18_000].sum()
    assert power[9] < 0.01 * power[0]


def test_an_mp3_of_a_rate_that_there_is_not_is_that_of_the_nearest() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1000 / 96_000 * np.arange(96_000))[None]
    out = coded(Codec(codec="mp3"), tone, 96_000)
    error = (out - tone)[:, 4800:-4800]
    assert np.abs(error).max() < 0.03
