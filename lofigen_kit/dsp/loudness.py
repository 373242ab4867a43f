"""Loudness and true peak, after ITU-R BS.1770-4."""

from __future__ import annotations

import math

import numpy as np
from pyloudnorm import IIRfilter
from scipy import signal

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.dsp.levels import db_of
from lofigen_kit.dsp.resample import convert, resample
from lofigen_kit.errors import AudioError

BLOCK_S, HOP_S = 0.4, 0.1
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0

_CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)
_SLOWEST_ACCURATE_HZ = 32_000
_PEAK_OVERSAMPLING = 4


def integrated_lufs(audio: AudioBuffer) -> float:
    """Return the gated loudness of the whole sound in LUFS.

    A sound shorter than one gating block of 400 ms counts as one block of its own length. Minus
    infinity where nothing passes the absolute gate at -70 LUFS, as in silence.

    Args:
        audio: Up to five channels, in the order L, R, C, Ls, Rs.

    Raises:
        AudioError: for more channels than the standard gives weights for.
    """
    power, rate_hz = weighted_power(audio)
    return gated_lufs(power, rate_hz)


def weighted_power(audio: AudioBuffer) -> tuple[np.ndarray, int]:
    """Return the K-weighted power, summed over the channels, and its sample rate.

    The shelf at 1.7 kHz comes out wrong at low sample rates (0.2 LU at 8 kHz): such sounds are
    weighted at 48 kHz.

    Returns:
        np.ndarray [shape=(frames,), dtype=float64], frames a second.
    """
    if audio.channels > len(_CHANNEL_WEIGHTS):
        raise AudioError(
            f"loudness is defined for up to {len(_CHANNEL_WEIGHTS)} channels, not {audio.channels}",
            remedy="mix it down to stereo first",
        )
    if audio.frames == 0:
        return np.zeros(0), audio.sample_rate_hz
    if audio.sample_rate_hz < _SLOWEST_ACCURATE_HZ:
        audio = resample(audio, 48_000)
    weighted = signal.sosfilt(_k_weighting(audio.sample_rate_hz), audio.samples.astype(np.float64))
    weights = np.sqrt(_CHANNEL_WEIGHTS[: audio.channels])[:, None]
    weighted *= weights
    return np.einsum("cf,cf->f", weighted, weighted), audio.sample_rate_hz


def gated_lufs(power: np.ndarray, rate_hz: float) -> float:
    """Return the loudness of K-weighted power, gated twice in blocks that overlap by 3/4.

    Args:
        power: Sum over the channels [shape=(frames,)].
        rate_hz: Frames a second.
    """
    if len(power) == 0:
        return -math.inf
    block = max(1, min(round(BLOCK_S * rate_hz), len(power)))
    blocks = 1 + int((len(power) - block) / (HOP_S * rate_hz))
    starts = (np.arange(blocks) * (HOP_S * rate_hz)).astype(np.intp)
    energy = np.concatenate([[0.0], np.cumsum(power)])
    means = (energy[starts + block] - energy[starts]) / block
    loud = means[means > _power_of(ABSOLUTE_GATE_LUFS)]
    if len(loud) == 0:
        return -math.inf
    relative_gate = loud.mean() * 10.0 ** (RELATIVE_GATE_LU / 10.0)
    return -0.691 + 10.0 * math.log10(loud[loud > relative_gate].mean())


def true_peak_dbtp(audio: AudioBuffer) -> float:
    """Return the highest true peak over all channels in dBTP; minus infinity for silence."""
    return db_of(float(true_peaks(audio).max(initial=0.0)))


def true_peaks(audio: AudioBuffer) -> np.ndarray:
    """Return how high the waveform rises from each frame to the next, over all channels.

    The waveform is read at four times the rate (BS.1770-4, annex 2). That is exact for what lies
    well below the Nyquist frequency, and reads up to 0.5 dB low for white noise.

    Returns:
        np.ndarray [shape=(frames,), dtype=float32].
    """
    peaks: np.ndarray = np.abs(audio.samples).max(axis=0)
    fine = convert(audio.samples, 1, _PEAK_OVERSAMPLING, _PEAK_OVERSAMPLING * audio.frames)
    np.abs(fine, out=fine)
    for channel in fine:
        for phase in range(_PEAK_OVERSAMPLING):
            np.maximum(peaks, channel[phase::_PEAK_OVERSAMPLING], out=peaks)
    return peaks


def _power_of(loudness_lufs: float) -> float:
    return float(10.0 ** ((loudness_lufs + 0.691) / 10.0))


def _k_weighting(rate_hz: int) -> np.ndarray:
    """Return the pre-filter as second-order sections, by De Man's exact design for any rate."""
    shelf = IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, rate_hz,
                      "high_shelf_DeMan")  # fmt: skip
    highpass = IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, rate_hz, "high_pass_DeMan")
    return np.array([[*shelf.b, *shelf.a], [*highpass.b, *highpass.a]])
