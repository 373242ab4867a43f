"""Measures of the effect of processing: spectrum, level, stereo width and speed."""

from __future__ import annotations

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer

WINDOW = 8192
MOTION_HZ = 100
"""Sample rate at which the speed of a tone is measured."""
_MOTION_BAND_HZ = 40.0


def centroid_hz(audio: AudioBuffer) -> float:
    """Return the spectral centroid in Hz: the mean frequency, weighted by power.

    Args:
        audio: Any rate and number of channels; not silent.
    """
    frequencies_hz, power = _spectrum(audio)
    return float(np.average(frequencies_hz, weights=power))


def rolloff_hz(audio: AudioBuffer, share: float = 0.85) -> float:
    """Return the spectral roll-off in Hz: the frequency below which a share of the power lies.

    Args:
        audio: Any rate and number of channels; not silent.
        share: The share of the power, 0 to 1.
    """
    frequencies_hz, power = _spectrum(audio)
    cumulative_share = np.cumsum(power) / power.sum()
    return float(np.interp(share, cumulative_share, frequencies_hz))


def level_dbfs(audio: AudioBuffer) -> float:
    """Return the RMS level over all channels in dBFS: an RMS of 1 is 0 dBFS, silence is -inf.

    Args:
        audio: Any rate and number of channels.
    """
    with np.errstate(divide="ignore"):
        return float(10.0 * np.log10(np.mean(np.square(audio.samples, dtype=np.float64))))


def crest_db(audio: AudioBuffer) -> float:
    """Return the crest factor in dB: the highest sample peak over the RMS level.

    Args:
        audio: Any rate and number of channels; not silent.
    """
    return float(20.0 * np.log10(np.abs(audio.samples).max())) - level_dbfs(audio)


def width_db(audio: AudioBuffer) -> float:
    """Return the stereo width in dB: the power of left - right over that of left + right.

    Args:
        audio: Any rate and number of channels; mono gives -inf.
    """
    left, right = audio.stereo().samples.astype(np.float64)
    with np.errstate(divide="ignore"):
        return float(10.0 * np.log10(np.mean((left - right) ** 2) / np.mean((left + right) ** 2)))


def speed_pct(audio: AudioBuffer, tone_hz: float) -> np.ndarray:
    """Return the deviation of a tone's frequency over time, as a wow and flutter meter measures it.

    Args:
        audio: A recording of a steady tone; noise around it is filtered out.
        tone_hz: The original frequency of the tone.

    Returns:
        np.ndarray [shape=(times,)], in per cent, at `MOTION_HZ`. Deviations faster than 40 Hz are
        filtered out. The first and the last half second are left out, where the filter rings.
    """
    from scipy import signal

    mono = audio.mono().samples[0].astype(np.float64)
    carrier = np.exp(-2j * np.pi * tone_hz / audio.sample_rate_hz * np.arange(len(mono)))
    # In two steps: the first filter must pass a tone that is off by several semitones.
    wide = signal.firwin(1025, 0.3 * tone_hz, fs=audio.sample_rate_hz)
    phase = np.unwrap(np.angle(signal.oaconvolve(mono * carrier, wide, mode="same")))
    speed = np.diff(phase) * audio.sample_rate_hz / (2.0 * np.pi * tone_hz)
    narrow = signal.firwin(4097, _MOTION_BAND_HZ, fs=audio.sample_rate_hz)
    margin = audio.sample_rate_hz // 2
    smoothed = signal.oaconvolve(speed, narrow, mode="same")[margin:-margin]
    return np.asarray(100.0 * smoothed[:: round(audio.sample_rate_hz / MOTION_HZ)])


def wow_pct(audio: AudioBuffer, tone_hz: float) -> float:
    """Return the peak deviation of a tone's speed from its mean, in per cent.

    Args:
        audio: A recording of a steady tone.
        tone_hz: The original frequency of the tone.
    """
    speed = speed_pct(audio, tone_hz)
    return float(np.abs(speed - speed.mean()).max())


def _spectrum(audio: AudioBuffer) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in Hz and the power at each, summed over all channels (Welch's method)."""
    from scipy import signal

    size = min(WINDOW, audio.frames)
    frequencies_hz, power = signal.welch(
        audio.samples.astype(np.float64), audio.sample_rate_hz, nperseg=size, detrend=False
    )
    return frequencies_hz, power.sum(axis=0)
