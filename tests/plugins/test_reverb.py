"""Reverb: its decay by Schroeder's integral, its level, its width and its silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.reverb import Reverb

RATE_HZ = 44_100


def heard(effect: Reverb, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def response(effect: Reverb, rate_hz: int = RATE_HZ) -> np.ndarray:
    click = np.zeros((1, round((effect.tail_s + 0.5) * rate_hz)))
    click[0, 0] = 1.0
    return np.asarray(heard(effect, click, rate_hz)[0], np.float64)


def octave(samples: np.ndarray, centre_hz: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    edges_hz = [centre_hz / 2**0.5, centre_hz * 2**0.5]
    band = signal.butter(4, edges_hz, "bandpass", fs=rate_hz, output="sos")
    return np.asarray(signal.sosfilt(band, samples))


def rt60_s(samples: np.ndarray, rate_hz: int = RATE_HZ) -> float:
    """Return the reverberation time by ISO 3382: twice that of -5 to -35 dB (T30)."""
    left_db = 10 * np.log10(np.cumsum(samples[::-1] ** 2)[::-1] / np.sum(samples**2))
    inside = (left_db < -5) & (left_db > -35)
    slope_db_s = np.polyfit(np.arange(len(samples))[inside] / rate_hz, left_db[inside], 1)[0]
    return float(-60 / slope_db_s)


@pytest.mark.parametrize("decay_s", [0.6, 1.1, 2.2, 4.0, 9.0])
@pytest.mark.parametrize("size_pct", [50.0, 100.0, 150.0])
def test_it_falls_by_sixty_decibels_in_its_decay(decay_s: float, size_pct: float) -> None:
    tail = response(Reverb(decay_s=decay_s, size_pct=size_pct))
    for centre_hz in (500, 1000):
        assert rt60_s(octave(tail, centre_hz)) == pytest.approx(decay_s, rel=0.1)


@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_it_falls_alike_at_any_sample_rate(rate_hz: int) -> None:
    tail = response(Reverb(decay_s=1.5), rate_hz)
    assert rt60_s(octave(tail, 500, rate_hz), rate_hz) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("damping_hz", [3000.0, 5000.0, 10_000.0])
def test_treble_falls_twice_as_fast_as_bass_where_it_is_damped(damping_hz: float) -> None:
    tail = response(Reverb(decay_s=3, damping_hz=damping_hz))
    assert rt60_s(octave(tail, 1000)) == pytest.approx(3, rel=0.1)
    edges_hz = [0.97 * damping_hz, 1.03 * damping_hz]
    narrow = signal.butter(2, edges_hz, "bandpass", fs=RATE_HZ, output="sos")
    damped_s = rt60_s(signal.sosfilt(narrow, tail))
    assert damped_s == pytest.approx(rt60_s(octave(tail, 125)) / 2, rel=0.1)


@pytest.mark.parametrize("decay_s", [0.6, 2.2, 9.0])
def test_it_is_as_loud_as_a_steady_sound(decay_s: float) -> None:
    band = signal.butter(2, [100, 1500], "bandpass", fs=RATE_HZ, output="sos")
    noise = signal.sosfilt(band, np.random.default_rng(0).normal(0, 0.3, (2, 12 * RATE_HZ)))
    settled = heard(Reverb(decay_s=decay_s), noise)[:, 9 * RATE_HZ :]
    assert 20 * np.log10(np.std(settled) / np.std(noise)) == pytest.approx(0, abs=1.5)


def test_equal_channels_come_out_without_correlation() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (1, 5 * RATE_HZ))
    left, right = heard(Reverb(), np.repeat(noise, 2, axis=0))[:, RATE_HZ:]
    lags = signal.correlate(left, right, method="fft") / (
        np.linalg.norm(left) * np.linalg.norm(right)
    )
    assert abs(lags[len(left) - 1]) < 0.15
    assert np.abs(lags).max() < 0.3
    assert np.std(left) == pytest.approx(np.std(right), rel=0.1)


def test_its_colour_is_even_and_its_echoes_are_dense() -> None:
    tail = response(Reverb(decay_s=2, damping_hz=20_000))
    late = tail[RATE_HZ // 5 : RATE_HZ // 5 + 8192]
    assert np.mean(late**4) / np.mean(late**2) ** 2 < 4.5  # noise has 3; single echoes have more
    frequencies_hz, power = signal.welch(tail[:RATE_HZ], RATE_HZ, nperseg=512)
    middle = 10 * np.log10(power[(frequencies_hz > 200) & (frequencies_hz < 10_000)])
    assert np.std(middle) < 2.5


def test_nothing_is_heard_before_the_predelay() -> None:
    early, late = (np.flatnonzero(response(Reverb(predelay_ms=ms)))[0] for ms in (0, 100))
    assert late - early == round(0.1 * RATE_HZ)


@settings(deadline=None, max_examples=15)
@given(
    st.builds(
        Reverb,
        decay_s=st.floats(0.6, 9),
        damping_hz=st.floats(2000, 20_000),
        predelay_ms=st.floats(0, 200),
        size_pct=st.floats(50, 150),
    ),
    st.sampled_from((8000, 22_050, 44_100)),
    st.integers(1, 3),
    st.integers(0, 20_000),
)
def test_any_parameters(effect: Reverb, rate_hz: int, channels: int, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    sounding = round(effect.tail_s * rate_hz)
    out = heard(effect, np.pad(noise, ((0, 0), (0, sounding + 100))), rate_hz)
    loudest = float(np.abs(out).max(initial=0))
    assert loudest < 8
    assert np.abs(out[:, frames + sounding :]).max() <= 1e-3 * max(loudest, 1.0)
