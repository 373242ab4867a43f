"""Tape saturation: harmonics, aliasing, alignment, rest."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.tape_saturation import TapeSaturation

RATE_HZ = 48_000
Mode = Literal["tanh", "hysteresis"]
MODES: tuple[Mode, ...] = ("tanh", "hysteresis")


def taped(effect: TapeSaturation, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    context = Context(rng=np.random.default_rng(0))
    return effect.apply(AudioBuffer(samples, rate_hz), context).samples


def sine(frequency_hz: float, level_dbfs: float, duration_s: float = 3.0) -> np.ndarray:
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return np.asarray(10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * t))[None]


def harmonics(samples: np.ndarray, frequency_hz: int) -> np.ndarray:
    """Return the amplitudes of the harmonics in the second of three seconds, fundamental first."""
    second = samples[0, RATE_HZ : 2 * RATE_HZ].astype(np.float64)
    return np.asarray(np.abs(np.fft.rfft(second))[frequency_hz::frequency_hz] * 2 / RATE_HZ)


@pytest.mark.parametrize(("drive_db", "thd_pct", "within"), [(6, 2.0, 0.2), (12, 6.7, 0.5)])
def test_thd_of_tanh(drive_db: float, thd_pct: float, within: float) -> None:
    effect = TapeSaturation(drive_db=drive_db, bias=0)
    h = harmonics(taped(effect, sine(1000, -12)), 1000)
    assert 100 * np.sqrt(np.sum(h[1:10] ** 2)) / h[0] == pytest.approx(thd_pct, abs=within)
    assert 20 * np.log10(h[1] / h[0]) < -100


def test_bias_makes_even_harmonics() -> None:
    h = harmonics(taped(TapeSaturation(drive_db=12, bias=0.2), sine(1000, -12)), 1000)
    assert 20 * np.log10(h[1] / h[0]) == pytest.approx(-23, abs=1)


@pytest.mark.parametrize(("mode", "limit_dbc"), [("tanh", -75), ("hysteresis", -60)])
def test_aliases_at_four_times(mode: Mode, limit_dbc: float) -> None:
    tone_hz = 5003  # a prime: no alias falls on a harmonic
    h = taped(TapeSaturation(mode=mode, drive_db=18, bias=0), sine(tone_hz, -6))
    window = np.blackman(RATE_HZ)
    spectrum = np.abs(np.fft.rfft(h[0, RATE_HZ : 2 * RATE_HZ] * window))
    fundamental = spectrum[tone_hz]
    for harmonic in range(0, RATE_HZ // 2, tone_hz):
        spectrum[max(0, harmonic - 5) : harmonic + 6] = 0
    assert 20 * np.log10(spectrum[:20_000].max() / fundamental) <= limit_dbc


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("drive_db", [0, 6, 24])
def test_aligned_at_the_reference_level(mode: Mode, drive_db: float) -> None:
    h = harmonics(taped(TapeSaturation(mode=mode, drive_db=drive_db), sine(1000, -12)), 1000)
    assert 10 * np.log10(np.sum(h[:20] ** 2)) == pytest.approx(-12, abs=0.1)


def test_hysteresis_distorts_by_odd_harmonics_that_grow_with_drive() -> None:
    thd = []
    for drive_db in (0, 6, 12):
        effect = TapeSaturation(mode="hysteresis", drive_db=drive_db, bias=0)
        h = harmonics(taped(effect, sine(1000, -12)), 1000)
        assert h[1] < 1e-3 * h[0]
        thd.append(100 * np.sqrt(np.sum(h[1:10] ** 2)) / h[0])
    assert thd == pytest.approx([1.1, 3.3, 9.5], rel=0.1)


@pytest.mark.parametrize("mode", MODES)
def test_hysteresis_has_memory_and_tanh_has_none(mode: Mode) -> None:
    # The same level, met on the way up and on the way down.
    wave = sine(1000, -6)
    out = taped(TapeSaturation(mode=mode, drive_db=6, bias=0), wave)[0, RATE_HZ:]
    up, down = out[4], out[20]  # at 30 and at 150 degrees of a period of 48 frames
    assert wave[0, RATE_HZ + 4] == pytest.approx(wave[0, RATE_HZ + 20])
    lag = down - up
    assert lag > 0.05 if mode == "hysteresis" else abs(lag) < 0.015


@pytest.mark.parametrize("mode", MODES)
def test_silence_stays_silent(mode: Mode) -> None:
    out = taped(TapeSaturation(mode=mode, bias=0.5, drive_db=24), np.zeros((2, 5000)))
    assert not out.any()


@pytest.mark.parametrize("mode", MODES)
def test_no_direct_current_after_a_loud_passage(mode: Mode) -> None:
    loud = np.pad(sine(60, 0, 1.01), ((0, 0), (0, RATE_HZ)))
    out = taped(TapeSaturation(mode=mode, drive_db=12, bias=0.3), loud)
    assert 20 * np.log10(np.abs(out[0, -RATE_HZ // 4 : -500]).max() + 1e-12) < -80


@settings(deadline=None, max_examples=30)
@given(
    st.builds(
        TapeSaturation,
        mode=st.sampled_from(MODES),
        drive_db=st.floats(0, 24),
        bias=st.floats(0, 0.5),
        oversample=st.sampled_from((1, 2, 4, 8)),
    ),
    st.sampled_from((8000, 22_050, 44_100, 96_000)),
    st.integers(1, 2),
    st.integers(0, 3000),
    st.floats(0, 4),
)
def test_any_parameters(
    effect: TapeSaturation, rate_hz: int, channels: int, frames: int, level: float
) -> None:
    noise = level * np.random.default_rng(1).uniform(-1, 1, (channels, frames))
    out = taped(effect, noise, rate_hz)
    assert out.shape == noise.shape
    assert np.abs(out).max(initial=0) < 8
    assert np.array_equal(out, taped(effect, noise, rate_hz))
