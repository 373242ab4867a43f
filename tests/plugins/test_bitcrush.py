"""Bit crusher: the noise that its bits make, and what becomes of silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lofigen_kit.api import AudioBuffer, Context
from lofigen_kit_plugins.bitcrush import Bitcrush

RATE_HZ = 44_100


def crushed(effect: Bitcrush, samples: np.ndarray, seed: int = 0) -> np.ndarray:
    context = Context(rng=np.random.default_rng(seed))
    return effect.apply(AudioBuffer(samples, RATE_HZ), context).samples


def sine(frequency_hz: float, peak: float) -> np.ndarray:
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(RATE_HZ) / RATE_HZ)
    return np.asarray(peak * wave[None], np.float32)


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize(("dither", "more_noise_db"), [(False, 0.0), (True, 4.77)])
def test_each_bit_is_six_decibels(bits: int, dither: bool, more_noise_db: float) -> None:
    room = 1.5 * dither * 2.0 ** (1 - bits)  # so that the dither is not clipped
    tone = sine(997, 1.0 - room)
    noise = crushed(Bitcrush(bits=bits, dither=dither), tone).astype(np.float64) - tone
    sqnr_db = 20 * np.log10(np.std(tone) / np.std(noise)) - 20 * np.log10(1.0 - room)
    assert sqnr_db == pytest.approx(6.02 * bits + 1.76 - more_noise_db, abs=1)


@pytest.mark.parametrize("bits", [2, 5, 16])
def test_there_are_as_many_levels_as_the_bits_say(bits: int) -> None:
    ramp = np.linspace(-2, 2, 2**18)[None]
    levels = np.unique(crushed(Bitcrush(bits=bits), ramp))
    assert len(levels) == 2**bits + (0.0 in ramp)
    assert levels == pytest.approx(-levels[::-1])
    assert levels.max() == 1 - 2.0**-bits


def test_silence_stays_silent_and_nothing_is_added_to_the_mean() -> None:
    assert not crushed(Bitcrush(bits=2), np.zeros((2, 999))).any()
    assert not crushed(Bitcrush(bits=2), sine(100, 9e-7)).any()
    assert np.mean(crushed(Bitcrush(bits=4), sine(100, 0.3))) == pytest.approx(0, abs=1e-4)


def test_dither_turns_harmonics_into_noise() -> None:
    tone = sine(1000, 2.0**-7)  # one step of eight bits: without dither, nearly a square
    harmonic_db = {}
    for dither in (False, True):
        out = crushed(Bitcrush(bits=8, dither=dither), tone)[0]
        spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
        harmonic_db[dither] = 20 * np.log10(spectrum[3000] / spectrum[1000])
    assert harmonic_db[False] > -20
    assert harmonic_db[True] < -40


@settings(deadline=None, max_examples=40)
@given(st.builds(Bitcrush, bits=st.integers(2, 16), dither=st.booleans()), st.integers(0, 20_000))
def test_any_parameters(effect: Bitcrush, frames: int) -> None:
    noise = np.random.default_rng(1).uniform(-2, 2, (2, frames))
    out = crushed(effect, noise)
    assert out.shape == noise.shape
    assert np.abs(out).max(initial=0) < 1
    assert np.array_equal(out, crushed(effect, noise))
