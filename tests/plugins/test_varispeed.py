"""Varispeed: pitch, length, purity, and loops that stay loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from lofigen_kit.api import AudioBuffer, Context, Effect
from lofigen_kit.effects import rack
from lofigen_kit.effects.effect import compute_speed
from lofigen_kit.runtime.seeding import rng_for
from lofigen_kit_plugins.varispeed import Varispeed

RATE_HZ = 44_100


def context(stage: str = "") -> Context:
    return Context(rng_for(1, 0, stage))


def played(semitones: float, samples: np.ndarray, *, loop: bool = False) -> np.ndarray:
    audio = AudioBuffer(samples, RATE_HZ)
    return rack.apply_effect(Varispeed(semitones=semitones), audio, context(), loop=loop).samples


def tone(frequency_hz: float, frames: int) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(frames) / RATE_HZ)[None]


def pitch_hz(samples: np.ndarray) -> float:
    """Return the frequency of a pure tone, from the slope of its phase."""
    middle = samples[0, 2000:-2000].astype(np.float64)
    phase = np.unwrap(np.angle(signal.hilbert(middle)))[2000:-2000]
    return float(np.polyfit(np.arange(len(phase)), phase, 1)[0] * RATE_HZ / (2 * np.pi))


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("semitones", [-12, -3, -0.37, 2.8, 7, 12])
def test_pitch_and_length_go_together(semitones: float, loop: bool) -> None:
    out = played(semitones, tone(440, 60_000), loop=loop)
    assert abs(out.shape[1] - 60_000 / 2 ** (semitones / 12)) <= 1
    cents = 1200 * np.log2(pitch_hz(out) / 440)
    assert cents == pytest.approx(100 * semitones, abs=2)


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("semitones", [-5, 5])
def test_a_tone_stays_one_tone(semitones: float, loop: bool) -> None:
    frames = 4 * RATE_HZ
    out = played(semitones, tone(1000, frames), loop=loop)[0]
    middle = out[len(out) // 4 : -len(out) // 4].astype(np.float64)
    middle *= signal.windows.kaiser(len(middle), 20)
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(middle)) + 1e-12)
    peak = int(np.argmax(spectrum))
    spurs = np.concatenate([spectrum[: peak - 30], spectrum[peak + 30 :]])
    assert spurs.max() - spectrum[peak] <= -104


def test_what_would_lie_above_all_there_is_does_not_fold_back() -> None:
    out = played(12, tone(15_000, 2 * RATE_HZ))[0, 2000:-2000]
    assert 20 * np.log10(np.abs(out).max()) < -100


@pytest.mark.parametrize("semitones", [-3, 4.4])
def test_a_loop_is_read_as_it_goes_round(semitones: float) -> None:
    rng = np.random.default_rng(0)
    noise = signal.lfilter([1], [1, -0.9], rng.normal(0, 0.1, (2, 50_000)))
    once = played(semitones, noise, loop=True)
    frames = once.shape[1]
    # Three times round, at the speed that the loop's whole frames give.
    twice = played(semitones, np.tile(noise, 2), loop=True)
    if twice.shape[1] == 2 * frames:
        assert twice == pytest.approx(np.tile(once, 2), abs=1e-5)
    endless = np.tile(once, 2)[:, frames - 50 : frames + 50]
    steps = np.abs(np.diff(once)).max()
    assert np.abs(np.diff(endless)).max() <= steps * 1.0001


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("frames", [1, 999, 44_100, 105_847])
def test_speeds_that_cancel_give_length_and_sound_back(frames: int, loop: bool) -> None:
    dark = signal.butter(8, 8000, fs=RATE_HZ, output="sos")  # up to 16 kHz comes through both
    smooth = signal.sosfilt(dark, np.random.default_rng(0).normal(0, 0.1, frames))
    chain: list[Effect] = [Varispeed(semitones=5), Varispeed(semitones=-5)]
    audio = AudioBuffer(smooth[None], RATE_HZ)
    *_, (_, back) = rack.process_whole(chain, audio, context, loop=loop)
    assert compute_speed(chain) == 1.0
    assert back.samples.shape == audio.samples.shape
    middle = slice(400, -400)
    assert back.samples[:, middle] == pytest.approx(audio.samples[:, middle], abs=1e-4)


def test_it_is_heard_alone_or_not_at_all() -> None:
    with pytest.raises(ValueError, match="cannot be mixed with the dry sound: set mix to 0 or 1"):
        Varispeed(mix=0.5)
    assert compute_speed([Varispeed(mix=0)]) == 1.0
    assert Varispeed(semitones=0, mix=0.5).mix == 0.5
