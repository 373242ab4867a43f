"""Vibrato: how far and how often the pitch trembles, on time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit.effects import rack
from lofigen_kit_plugins.vibrato import Vibrato

RATE_HZ = 44_100
TONE_HZ = 2000


def played(effect: Vibrato, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def cents(effect: Vibrato) -> np.ndarray:
    """Return the deviation of pitch of a tone over four seconds, demodulated."""
    tone = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(5 * RATE_HZ) / RATE_HZ)
    carrier = signal.hilbert(played(effect, tone[None])[0].astype(np.float64))
    pitch_hz = np.diff(np.unwrap(np.angle(carrier))) * RATE_HZ / (2 * np.pi)
    return np.asarray(1200 * np.log2(pitch_hz[RATE_HZ // 2 : -RATE_HZ // 2] / TONE_HZ))


@pytest.mark.parametrize("rate_hz", [0.5, 5.0, 12.0])
@pytest.mark.parametrize("depth_cents", [5.0, 15.0, 100.0])
def test_pitch_trembles_as_far_and_as_often_as_asked(rate_hz: float, depth_cents: float) -> None:
    deviation = cents(Vibrato(rate_hz=rate_hz, depth_cents=depth_cents))
    assert deviation.max() == pytest.approx(depth_cents, rel=0.05)
    assert deviation.min() == pytest.approx(-depth_cents, rel=0.05)
    spectrum = np.abs(np.fft.rfft(deviation * np.hanning(len(deviation)), 32 * RATE_HZ))
    found_hz = np.argmax(spectrum[8:]) / 32 + 0.25
    assert found_hz == pytest.approx(rate_hz, rel=0.05)


def test_without_depth_the_sound_is_on_time() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 20_000))
    assert played(Vibrato(depth_cents=0), noise) == pytest.approx(noise, abs=1e-6)


def test_on_the_whole_it_is_neither_early_nor_late() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (1, 3 * RATE_HZ))
    out = played(Vibrato(rate_hz=5), noise)
    envelope = signal.butter(2, 300, fs=RATE_HZ, output="sos")
    before, after = (signal.sosfiltfilt(envelope, x[0]) for x in (noise, out))
    lag = np.argmax(signal.correlate(after, before, method="fft")) - (noise.shape[1] - 1)
    assert abs(lag) < 0.0005 * RATE_HZ


def test_a_loop_has_no_seam() -> None:
    frames = 3 * RATE_HZ
    loop = 0.5 * np.sin(2 * np.pi * 220 * np.arange(frames) / RATE_HZ)[None]
    context = Context(rng=np.random.default_rng(0))
    effect = Vibrato(rate_hz=4.9, depth_cents=50)
    out = rack.apply_effect(effect, AudioBuffer(loop, RATE_HZ), context, loop=True).samples[0]
    seam = np.concatenate([out[-2000:], out[:2000]]).astype(np.float64)
    speed = np.diff(np.unwrap(np.angle(signal.hilbert(seam))))[500:-500]
    assert np.abs(np.diff(speed)).max() < 0.02 * speed.mean()


@settings(deadline=None, max_examples=30)
@given(
    st.builds(Vibrato, rate_hz=st.floats(0.5, 12), depth_cents=st.floats(0, 100)),
    st.sampled_from((8000, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: Vibrato, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    heard = round(effect.tail_s * rate_hz) + 17
    out = played(effect, np.pad(noise, ((0, 0), (0, heard + 100))), rate_hz)
    assert np.abs(out).max(initial=0) < 3
    assert not out[:, frames + heard :].any()
