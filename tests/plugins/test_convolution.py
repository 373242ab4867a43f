"""Convolution: equal to the textbook's, at the level of the sound."""

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context, InputError
from lofigen_kit.audio.files import write_audio
from lofigen_kit_plugins.convolution import Convolution

RATE_HZ = 44_100
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 30_000)).astype(np.float32)


def convolved(
    folder: Path, samples: np.ndarray, name: str = "room.wav", **more: float
) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0), root=folder)
    effect = Convolution.model_validate({"path": name, **more})
    return effect.apply(AudioBuffer(samples, RATE_HZ), context).samples


def save(folder: Path, response: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    write_audio(folder / "room.wav", AudioBuffer(response, rate_hz), format="wav", bit_depth=24,
                comment="", rng=np.random.default_rng(0), force=False)  # fmt: skip


def room(channels: int, frames: int) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 0.2, (channels, frames))
    return np.asarray(noise * np.exp(-5 * np.arange(frames) / frames)).clip(-1, 1)


def pink(frames: int) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(2).normal(0, 1, frames))
    frequencies_hz = np.fft.rfftfreq(frames, 1 / RATE_HZ)
    heard = (frequencies_hz > 20) & (frequencies_hz < 20_000)
    spectrum[heard] /= np.sqrt(frequencies_hz[heard])
    spectrum[~heard] = 0
    return np.asarray(np.fft.irfft(spectrum, frames))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, 100, 8192, 30_000])
def test_it_is_the_textbooks_convolution(tmp_path: Path, channels: int, frames: int) -> None:
    response = room(channels, frames)
    save(tmp_path, response)
    out = convolved(tmp_path, NOISE)
    expected = signal.fftconvolve(NOISE, np.broadcast_to(response, (2, frames)), axes=1)
    expected = expected[:, : NOISE.shape[1]]
    gain = np.vdot(out, expected) / np.vdot(expected, expected)  # the level apart
    assert out == pytest.approx(gain * expected, abs=1e-4 * float(np.abs(out).max()))


def test_a_click_is_no_change_and_in_time(tmp_path: Path) -> None:
    save(tmp_path, 0.3 * np.eye(1, 500))
    assert convolved(tmp_path, NOISE) == pytest.approx(NOISE, abs=1e-5)


@pytest.mark.parametrize("loud", [0.01, 1.0])
def test_music_stays_as_loud_as_it_was(tmp_path: Path, loud: float) -> None:
    dull = signal.lfilter([0.05], [1, -0.95], room(1, 20_000))
    save(tmp_path, loud * dull / np.abs(dull).max())
    noise = 0.1 * pink(20 * RATE_HZ)[None]
    out = convolved(tmp_path, noise)[:, RATE_HZ:]
    assert 20 * np.log10(np.std(out) / np.std(noise)) == pytest.approx(0, abs=0.5)


def test_a_response_at_another_rate_is_as_long_in_seconds(tmp_path: Path) -> None:
    clicks = np.zeros((1, 24_000))
    clicks[0, [0, 12_000]] = 0.5
    save(tmp_path, clicks, 48_000)
    out = convolved(tmp_path, np.eye(1, 30_000))[0]
    assert 5000 + np.argmax(out[5000:]) == 11_025


def test_a_long_response_is_faded_out_at_its_length(tmp_path: Path) -> None:
    save(tmp_path, np.full((1, RATE_HZ), 0.5))
    out = convolved(tmp_path, np.eye(1, 30_000), length_s=0.5)[0]
    assert not out[22_050:].round(5).any()
    assert np.abs(np.diff(out[100:])).max() < 0.01 * out.max()


def test_silence_is_silent_and_other_places_are_refused(tmp_path: Path) -> None:
    save(tmp_path, np.zeros((1, 100)))
    assert not convolved(tmp_path, NOISE).any()
    with pytest.raises(InputError, match="outside the preset's folder"):
        convolved(tmp_path, NOISE, name="../room.wav")
