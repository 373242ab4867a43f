"""The last stage before the file: no direct current, the loudness asked for, peaks held down.

Beats are loops, so the sound is taken as circular throughout: the filter's and the limiter's
memory of the end reaches into the start, and a seamless loop stays seamless. A recording that
ends in silence comes out as if it stood alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.dsp.levels import db_of
from lofigen_kit.dsp.limiter import reduction_db
from lofigen_kit.dsp.loudness import (
    gated_lufs,
    integrated_lufs,
    true_peaks,
    weighted_power,
)

DC_BLOCK_HZ = 20.0
MAX_REDUCTION_DB = 8.0
TOLERANCE_LU = 0.1
SILENCE_DBTP = -100.0  # no sound that was ever stored in 16 bits peaks below it

_CONTROL_HZ = 3000
_FINE_LU = 0.03  # aimed at, so that the tolerance is kept with room to spare
_MAX_STEPS = 40
_MAX_ROUNDS = 4
_ROUNDING_DB = 0.001


@dataclass(frozen=True)
class Mastered:
    """A finished sound and what was measured on it.

    Attributes:
        audio: The sound.
        loudness_lufs: Its integrated loudness; minus infinity for silence.
        true_peak_dbtp: Its true peak; minus infinity for silence.
        target_unreached: Why the loudness is not the one asked for; None where it is.
    """

    audio: AudioBuffer
    loudness_lufs: float
    true_peak_dbtp: float
    target_unreached: str | None


def master(audio: AudioBuffer, *, loudness_lufs: float | None, true_peak_dbtp: float) -> Mastered:
    """Block direct current, bring the loudness to its target, hold true peaks under a ceiling.

    Peaks above the ceiling are limited, all channels alike, by at most 8 dB; where the target
    would take more, the sound stays quieter and `target_unreached` says so. What never rises
    above -100 dBTP is silence: it is not brought up, and it is reported.

    Args:
        audio: Up to five channels.
        loudness_lufs: The target, met within 0.1 LU; None keeps the level, but for the ceiling.
        true_peak_dbtp: The ceiling.

    Raises:
        AudioError: for more than five channels.
    """
    audio = block_dc(audio)
    outline = _Outline.of(audio)
    silent = outline.peak_db < SILENCE_DBTP
    if loudness_lufs is None or silent:
        gain_db = min(0.0, outline.most_gain_db(true_peak_dbtp))
        mastered = _render(audio, outline, gain_db, true_peak_dbtp)
        reason = None if loudness_lufs is None else "the sound is silent: nothing to bring up"
    else:
        mastered = _render_at(audio, outline, loudness_lufs, true_peak_dbtp)
        reason = _shortfall(loudness_lufs, mastered)
    return replace(mastered, target_unreached=reason)


def block_dc(audio: AudioBuffer) -> AudioBuffer:
    """Remove what lies below 20 Hz (-3 dB there, 24 dB an octave), of a loop.

    A Butterworth filter of order 2 runs forwards and backwards, so that no phase turns and peaks
    keep their height, over the loop with enough of itself on either side to have settled: the
    ends get neither a fade nor a step.
    """
    if audio.frames == 0:
        return audio
    rate_hz = audio.sample_rate_hz
    corner_hz = DC_BLOCK_HZ * (math.sqrt(2.0) - 1.0) ** 0.25  # two passes of it make -3 dB
    sections = signal.butter(2, corner_hz, "highpass", fs=rate_hz, output="sos")
    settling = rate_hz // 4  # 17 time constants: -150 dB
    looped = np.pad(audio.samples.astype(np.float64), ((0, 0), (settling, settling)), mode="wrap")
    forwards = signal.sosfilt(sections, looped)
    both = signal.sosfilt(sections, forwards[:, ::-1])[:, ::-1]
    return audio.with_samples(both[:, settling:-settling])


@dataclass(frozen=True)
class _Outline:
    """A sound at about 3 kHz: enough to plan its gain in a fraction of the time.

    Attributes:
        peaks_db: True peak in each stretch [shape=(points,)].
        power: Mean K-weighted power in each stretch [shape=(points,)].
        rate_hz: Points a second.
    """

    peaks_db: np.ndarray
    power: np.ndarray
    rate_hz: float

    @classmethod
    def of(cls, audio: AudioBuffer) -> _Outline:
        if audio.frames == 0:
            return cls(np.full(1, -math.inf), np.zeros(1), 1.0)
        power, _ = weighted_power(audio)
        points = min(math.ceil(audio.duration_s * _CONTROL_HZ), audio.frames, len(power))
        with np.errstate(divide="ignore"):
            peaks_db = 20.0 * np.log10(_stretches(true_peaks(audio), points, np.maximum))
        lengths = np.diff(np.arange(points + 1) * len(power) // points)
        mean_power = _stretches(power, points, np.add) / lengths
        return cls(peaks_db, mean_power, points / audio.duration_s)

    @property
    def peak_db(self) -> float:
        """The highest true peak."""
        return float(self.peaks_db.max())

    def loudness_lufs(self, gain_db: float, reduction: np.ndarray) -> float:
        """Return about how loud the sound would be."""
        return gated_lufs(self.power * 10.0 ** ((gain_db - reduction) / 10.0), self.rate_hz)

    def reduction_db(self, gain_db: float, ceiling_dbtp: float) -> np.ndarray:
        """Return what the limiter would take away after this gain."""
        return reduction_db(self.peaks_db + gain_db - ceiling_dbtp, self.rate_hz)

    def most_gain_db(self, ceiling_dbtp: float) -> float:
        """Return the gain at which the highest peak is limited as far as we allow."""
        return ceiling_dbtp + MAX_REDUCTION_DB - self.peak_db

    def gain_db(self, target_lufs: float, ceiling_dbtp: float) -> float:
        """Return the gain before the limiter.

        The search starts where the highest peak touches the ceiling, and each step adds what is
        missing. Below that point one step is exact; above it loudness grows no faster than gain,
        so the steps approach the target from below and cannot run away. Starting there also
        keeps a whisper out of the meter's absolute gate.
        """
        most_db = self.most_gain_db(ceiling_dbtp)
        gain_db = ceiling_dbtp - self.peak_db
        for _ in range(_MAX_STEPS):
            reduction = self.reduction_db(gain_db, ceiling_dbtp)
            step_db = target_lufs - self.loudness_lufs(gain_db, reduction)
            gain_db = min(gain_db + step_db, most_db)
            if abs(step_db) < _FINE_LU / 10.0 or gain_db == most_db:
                break
        return gain_db


def _render_at(
    audio: AudioBuffer, outline: _Outline, target_lufs: float, ceiling_dbtp: float
) -> Mastered:
    """Render, measure, and correct the little by which the outline was wrong."""
    aim_lufs = target_lufs
    for _ in range(_MAX_ROUNDS):
        gain_db = outline.gain_db(aim_lufs, ceiling_dbtp)
        mastered = _render(audio, outline, gain_db, ceiling_dbtp)
        missing_lu = target_lufs - mastered.loudness_lufs
        at_limit = gain_db == outline.most_gain_db(ceiling_dbtp)
        if abs(missing_lu) <= _FINE_LU or (at_limit and missing_lu > 0):
            break
        aim_lufs += missing_lu
    return mastered


def _render(audio: AudioBuffer, outline: _Outline, gain_db: float, ceiling_dbtp: float) -> Mastered:
    """Apply gain and limiter, take off what still stands over the ceiling, and measure."""
    reduction = outline.reduction_db(gain_db, ceiling_dbtp)
    louder = _apply(audio, gain_db - reduction)
    peak_dbtp = db_of(float(true_peaks(louder).max(initial=0.0)))
    if peak_dbtp > ceiling_dbtp:
        trim_db = ceiling_dbtp - _ROUNDING_DB - peak_dbtp
        louder = _apply(louder, np.array([trim_db]))
        peak_dbtp += trim_db
    return Mastered(louder, integrated_lufs(louder), peak_dbtp, None)


def _apply(audio: AudioBuffer, curve_db: np.ndarray) -> AudioBuffer:
    """Apply a gain given at evenly spaced points around the loop."""
    gains = (10.0 ** (curve_db / 20.0)).astype(np.float32)
    if (gains == gains[0]).all():
        return audio.with_samples(audio.samples * gains[0])
    points = (np.arange(len(gains)) + 0.5) * (audio.frames / len(gains)) - 0.5
    around = np.interp(np.arange(audio.frames), points, gains, period=audio.frames)
    return audio.with_samples(audio.samples * around.astype(np.float32))


def _stretches(values: np.ndarray, points: int, combine: np.ufunc) -> np.ndarray:
    """Combine values into evenly spaced stretches."""
    return np.asarray(combine.reduceat(values, np.arange(points) * len(values) // points))


def _shortfall(target_lufs: float, mastered: Mastered) -> str | None:
    missing_lu = target_lufs - mastered.loudness_lufs
    if abs(missing_lu) <= TOLERANCE_LU:
        return None
    return (
        f"{target_lufs:g} LUFS would take more than {MAX_REDUCTION_DB:g} dB of limiting: the "
        f"peaks stand too high above the rest, and it stays at {mastered.loudness_lufs:.1f} LUFS"
    )
