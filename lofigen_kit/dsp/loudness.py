"""Loudness and true peak after ITU-R BS.1770-4.

Both are measured in short stretches of about 1/3 ms. Their values over time are the outline of a
sound, from which `mastering` plans its gain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import tee

import numpy as np
from pyloudnorm import IIRfilter

from lofigen_kit.audio.blocks import Blocks, rechunk, split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.dsp.blocks import pad_ends, split_windows
from lofigen_kit.dsp.decibels import gain_to_db
from lofigen_kit.dsp.meters import MARGIN, stretch_peaks, stretch_power
from lofigen_kit.dsp.resample import resample_blocks
from lofigen_kit.errors import AudioError

BLOCK_S, HOP_S = 0.4, 0.1
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
POINTS = 4096
"""Stretches per block of an outline; the last block may have fewer."""

_CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)
_MIN_ACCURATE_HZ = 32_000
_CONTROL_HZ = 3000


def integrated_lufs(audio: AudioBuffer) -> float:
    """Return the integrated (gated) loudness of a sound in LUFS, after ITU-R BS.1770-4.

    A sound shorter than one gating block of 400 ms counts as one block of its own length. The
    result is minus infinity if no block passes the absolute gate at -70 LUFS, as for silence.

    Args:
        audio: Up to five channels, in the order L, R, C, Ls, Rs.

    Raises:
        AudioError: for more than five channels: the standard has no weights for them.
    """
    sound = audio.format
    return gated_lufs(weighted_power(split_blocks(audio.samples), sound), outline_rate_hz(sound))


def true_peak_dbtp(audio: AudioBuffer) -> float:
    """Return the highest true peak of all channels in dBTP; minus infinity for silence.

    Args:
        audio: Any number of channels.
    """
    sound = audio.format
    peak = 0.0
    for window in split_peak_windows(split_blocks(audio.samples), sound):
        peak = _update_peak(peak, window, sound)
    return gain_to_db(peak)


def measure_loudness(blocks: Iterable[np.ndarray], sound: AudioFormat) -> tuple[float, float]:
    """Return the integrated loudness in LUFS and the true peak in dBTP of a sound in blocks.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the sound.

    Raises:
        AudioError: for more than five channels.
    """
    peak_blocks, power_blocks = tee(blocks)
    peak = 0.0

    def power() -> Blocks:
        nonlocal peak
        for window, power in zip(
            split_peak_windows(peak_blocks, sound), weighted_power(power_blocks, sound), strict=True
        ):
            peak = _update_peak(peak, window, sound)
            yield power

    loudness_lufs = gated_lufs(power(), outline_rate_hz(sound))
    return loudness_lufs, gain_to_db(peak)


def _update_peak(peak: float, window: np.ndarray, sound: AudioFormat) -> float:
    """Return the higher of a peak so far and the true peak of a window."""
    return max(peak, float(stretch_peaks(window, compute_stretch_frames(sound), floor=peak).max()))


def compute_stretch_frames(sound: AudioFormat) -> int:
    """Return the number of frames in a stretch, which lasts about a third of a millisecond."""
    return max(1, sound.sample_rate_hz // _CONTROL_HZ)


def outline_rate_hz(sound: AudioFormat) -> float:
    """Return the number of stretches per second."""
    return sound.sample_rate_hz / compute_stretch_frames(sound)


def split_peak_windows(blocks: Iterable[np.ndarray], sound: AudioFormat) -> Blocks:
    """Yield a sound in windows of `POINTS` stretches, with the margins that true peaks need.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the sound.

    Yields:
        np.ndarray [shape=(channels, frames + 2 * MARGIN), dtype=float32].
    """
    return split_windows(
        pad_ends(blocks, MARGIN, "constant"), POINTS * compute_stretch_frames(sound), MARGIN
    )


def weighted_power(blocks: Iterable[np.ndarray], sound: AudioFormat) -> Blocks:
    """Yield the mean K-weighted power of each stretch, summed over the channels.

    The K-weighting filter is inaccurate at low sample rates (0.2 LU at 8 kHz), because its shelf
    lies at 1.7 kHz. So a sound below 32 kHz is resampled to a multiple of its rate first.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the sound.

    Yields:
        np.ndarray [shape=(1, stretches), dtype=float64]: `POINTS` stretches each; the last may have
        fewer.

    Raises:
        AudioError: for more than five channels.
    """
    if sound.channels > len(_CHANNEL_WEIGHTS):
        raise AudioError(
            f"loudness is defined for up to {len(_CHANNEL_WEIGHTS)} channels, not {sound.channels}",
            remedy="mix it down to stereo first",
        )
    factor = -(-_MIN_ACCURATE_HZ // sound.sample_rate_hz)
    rate_hz, stretch = factor * sound.sample_rate_hz, factor * compute_stretch_frames(sound)
    blocks = resample_blocks(blocks, sound.channels, sound.sample_rate_hz, rate_hz)
    sections, state = _k_weighting(rate_hz), np.zeros((sound.channels, 4))
    weights = np.array(_CHANNEL_WEIGHTS[: sound.channels])
    for block in rechunk(blocks, POINTS * stretch):
        yield weights[None] @ stretch_power(block, sections, state, stretch)


def gated_lufs(power: Iterable[np.ndarray], rate_hz: float) -> float:
    """Return the integrated loudness in LUFS of K-weighted power, gated as in BS.1770-4.

    The gating blocks of 400 ms overlap by 75 %. The result is minus infinity if none passes the
    absolute gate.

    Args:
        power: Power summed over the channels, in pieces of any size [shape=(1, points)].
        rate_hz: Points per second.
    """
    hops, points, total = _sum_hops(power, HOP_S * rate_hz)
    overlap = round(BLOCK_S / HOP_S)
    means = np.array([total / points]) if points else np.zeros(0)
    if len(hops) >= overlap:
        means = np.convolve(hops, np.ones(overlap), "valid") / (BLOCK_S * rate_hz)
    loud = means[means > _lufs_to_power(ABSOLUTE_GATE_LUFS)]
    if len(loud) == 0:
        return -math.inf
    relative_gate = loud.mean() * 10.0 ** (RELATIVE_GATE_LU / 10.0)
    return -0.691 + 10.0 * math.log10(loud[loud > relative_gate].mean())


def _sum_hops(power: Iterable[np.ndarray], hop: float) -> tuple[np.ndarray, int, float]:
    """Return the energy of each whole hop [shape=(hops,)], the point count and the total energy."""
    cumulative, points, total = [0.0], 0, 0.0
    for piece in power:
        energy = total + np.concatenate([[0.0], np.cumsum(piece[0])])
        last = points + piece.shape[1]
        edges = (hop * np.arange(len(cumulative), int(last / hop) + 1)).astype(np.intp)
        cumulative += energy[edges - points].tolist()
        points, total = last, float(energy[-1])
    return np.diff(cumulative), points, total


def _lufs_to_power(loudness_lufs: float) -> float:
    return float(10.0 ** ((loudness_lufs + 0.691) / 10.0))


def _k_weighting(rate_hz: int) -> np.ndarray:
    """Return the K-weighting filter as second-order sections [shape=(2, 6)].

    B. De Man's design is exact at any sample rate.
    """
    shelf = IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, rate_hz,
                      "high_shelf_DeMan")  # fmt: skip
    highpass = IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, rate_hz, "high_pass_DeMan")
    return np.array([[*shelf.b, *shelf.a], [*highpass.b, *highpass.a]])
