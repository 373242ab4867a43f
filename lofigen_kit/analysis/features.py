"""What an effect does to a sound, in figures: its colour, its level, its width and its speed."""

from __future__ import annotations

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer

WINDOW = 8192
MOTION_HZ = 100
"""How many times a second the speed of a tone is read."""
_MOTION_BAND_HZ = 40.0


def centroid_hz(audio: AudioBuffer) -> float:
    """Return the middle of the spectrum: the mean frequency, each weighted by its power."""
    frequencies_hz, power = _spectrum(audio)
    return float(np.average(frequencies_hz, weights=power))


def rolloff_hz(audio: AudioBuffer, share: float = 0.85) -> float:
    """Return below which frequency a share of the power lies."""
    frequencies_hz, power = _spectrum(audio)
    reached = np.cumsum(power) / power.sum()
    return float(np.interp(share, reached, frequencies_hz))


def level_dbfs(audio: AudioBuffer) -> float:
    """Return the RMS level over all channels: full scale is an RMS of 1, silence is -inf."""
    with np.errstate(divide="ignore"):
        return float(10.0 * np.log10(np.mean(np.square(audio.samples, dtype=np.float64))))


def crest_db(audio: AudioBuffer) -> float:
    """Return how far the highest peak stands above the RMS level."""
    return float(20.0 * np.log10(np.abs(audio.samples).max())) - level_dbfs(audio)


def width_db(audio: AudioBuffer) -> float:
    """Return how loud the difference of left and right is beside their sum; mono is -inf."""
    left, right = audio.stereo().samples.astype(np.float64)
    with np.errstate(divide="ignore"):
        return float(10.0 * np.log10(np.mean((left - right) ** 2) / np.mean((left + right) ** 2)))


def speed_pct(audio: AudioBuffer, tone_hz: float) -> np.ndarray:
    """Return how far a tone's frequency is off what it was, as a wow-and-flutter meter reads it.

    Args:
        audio: A steady tone, or what became of it; any noise around it is filtered off.
        tone_hz: What the tone was.

    Returns:
        np.ndarray [shape=(times,)], `MOTION_HZ` of them a second: per cent; what moves faster
        than 40 Hz is not read, nor are the first and the last half second, where the filter rings.
    """
    from scipy import signal

    mono = audio.mono().samples[0].astype(np.float64)
    turn = np.exp(-2j * np.pi * tone_hz / audio.sample_rate_hz * np.arange(len(mono)))
    # In two steps, the first of which leaves a tone that is several semitones off.
    wide = signal.firwin(1025, 0.3 * tone_hz, fs=audio.sample_rate_hz)
    phase = np.unwrap(np.angle(signal.oaconvolve(mono * turn, wide, mode="same")))
    speed = np.diff(phase) * audio.sample_rate_hz / (2.0 * np.pi * tone_hz)
    slow = signal.firwin(4097, _MOTION_BAND_HZ, fs=audio.sample_rate_hz)
    off = audio.sample_rate_hz // 2
    smoothed = signal.oaconvolve(speed, slow, mode="same")[off:-off]
    return np.asarray(100.0 * smoothed[:: round(audio.sample_rate_hz / MOTION_HZ)])


def wow_pct(audio: AudioBuffer, tone_hz: float) -> float:
    """Return how far the speed of a tone deviates at its peaks, its mean left aside."""
    speed = speed_pct(audio, tone_hz)
    return float(np.abs(speed - speed.mean()).max())


def _spectrum(audio: AudioBuffer) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies and the power at each, over the whole sound and all channels."""
    from scipy import signal

    size = min(WINDOW, audio.frames)
    frequencies_hz, power = signal.welch(
        audio.samples.astype(np.float64), audio.sample_rate_hz, nperseg=size, detrend=False
    )
    return frequencies_hz, power.sum(axis=0)
