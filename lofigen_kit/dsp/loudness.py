"""Loudness and true peak, after ITU-R BS.1770-4."""

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
"""Stretches in a block of an outline, but for the last."""

_CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)
_SLOWEST_ACCURATE_HZ = 32_000
_CONTROL_HZ = 3000


def integrated_lufs(audio: AudioBuffer) -> float:
    """Return the gated loudness of the whole sound in LUFS.

    A sound shorter than one gating block of 400 ms counts as one block of its own length. Minus
    infinity where nothing passes the absolute gate at -70 LUFS, as in silence.

    Args:
        audio: Up to five channels, in the order L, R, C, Ls, Rs.

    Raises:
        AudioError: for more channels than the standard gives weights for.
    """
    sound = audio.format
    return gated_lufs(weighted_power(split_blocks(audio.samples), sound), outline_rate_hz(sound))


def true_peak_dbtp(audio: AudioBuffer) -> float:
    """Return the highest true peak over all channels in dBTP; minus infinity for silence."""
    sound = audio.format
    highest = 0.0
    for window in split_peak_windows(split_blocks(audio.samples), sound):
        highest = _update_peak(highest, window, sound)
    return gain_to_db(highest)


def measure_loudness(blocks: Iterable[np.ndarray], sound: AudioFormat) -> tuple[float, float]:
    """Return the integrated loudness and the true peak of a sound that comes in blocks."""
    near, far = tee(blocks)
    highest = 0.0

    def power() -> Blocks:
        nonlocal highest
        for window, power in zip(
            split_peak_windows(near, sound), weighted_power(far, sound), strict=True
        ):
            highest = _update_peak(highest, window, sound)
            yield power

    loudness_lufs = gated_lufs(power(), outline_rate_hz(sound))
    return loudness_lufs, gain_to_db(highest)


def _update_peak(highest: float, window: np.ndarray, sound: AudioFormat) -> float:
    """Return the true peak of a block, or the highest one before it."""
    return max(
        highest, float(stretch_peaks(window, compute_stretch_frames(sound), floor=highest).max())
    )


def compute_stretch_frames(sound: AudioFormat) -> int:
    """Return the frames of a stretch: about a third of a millisecond."""
    return max(1, sound.sample_rate_hz // _CONTROL_HZ)


def outline_rate_hz(sound: AudioFormat) -> float:
    """Return how many stretches a second has."""
    return sound.sample_rate_hz / compute_stretch_frames(sound)


def split_peak_windows(blocks: Iterable[np.ndarray], sound: AudioFormat) -> Blocks:
    """Yield a sound in blocks of `POINTS` stretches, with what true peaks need on either side."""
    return split_windows(
        pad_ends(blocks, MARGIN, "constant"), POINTS * compute_stretch_frames(sound), MARGIN
    )


def weighted_power(blocks: Iterable[np.ndarray], sound: AudioFormat) -> Blocks:
    """Yield the K-weighted power, summed over the channels, in the mean of each stretch.

    The shelf at 1.7 kHz comes out wrong at low sample rates (0.2 LU at 8 kHz): such sounds are
    weighted at a multiple of their rate.

    Args:
        blocks: The sound, in pieces of any size.
        sound: What it is.

    Yields:
        np.ndarray [shape=(1, stretches), dtype=float64]: `POINTS` of them, but for the last block.
    """
    if sound.channels > len(_CHANNEL_WEIGHTS):
        raise AudioError(
            f"loudness is defined for up to {len(_CHANNEL_WEIGHTS)} channels, not {sound.channels}",
            remedy="mix it down to stereo first",
        )
    finer = -(-_SLOWEST_ACCURATE_HZ // sound.sample_rate_hz)
    rate_hz, stretch = finer * sound.sample_rate_hz, finer * compute_stretch_frames(sound)
    blocks = resample_blocks(blocks, sound.channels, sound.sample_rate_hz, rate_hz)
    sections, state = _k_weighting(rate_hz), np.zeros((sound.channels, 4))
    weights = np.array(_CHANNEL_WEIGHTS[: sound.channels])
    for block in rechunk(blocks, POINTS * stretch):
        yield weights[None] @ stretch_power(block, sections, state, stretch)


def gated_lufs(power: Iterable[np.ndarray], rate_hz: float) -> float:
    """Return the loudness of K-weighted power, gated twice in blocks that overlap by 3/4.

    Args:
        power: Sum over the channels, in pieces of any size [shape=(1, points)].
        rate_hz: Points a second.
    """
    hops, points, total = _hops(power, HOP_S * rate_hz)
    overlap = round(BLOCK_S / HOP_S)
    means = np.array([total / points]) if points else np.zeros(0)
    if len(hops) >= overlap:
        means = np.convolve(hops, np.ones(overlap), "valid") / (BLOCK_S * rate_hz)
    loud = means[means > _lufs_to_power(ABSOLUTE_GATE_LUFS)]
    if len(loud) == 0:
        return -math.inf
    relative_gate = loud.mean() * 10.0 ** (RELATIVE_GATE_LU / 10.0)
    return -0.691 + 10.0 * math.log10(loud[loud > relative_gate].mean())


def _hops(power: Iterable[np.ndarray], hop: float) -> tuple[np.ndarray, int, float]:
    """Return the energy of each whole hop, the number of points, and the energy of all."""
    marks, points, total = [0.0], 0, 0.0
    for piece in power:
        energy = total + np.concatenate([[0.0], np.cumsum(piece[0])])
        last = points + piece.shape[1]
        edges = (hop * np.arange(len(marks), int(last / hop) + 1)).astype(np.intp)
        marks += energy[edges - points].tolist()
        points, total = last, float(energy[-1])
    return np.diff(marks), points, total


def _lufs_to_power(loudness_lufs: float) -> float:
    return float(10.0 ** ((loudness_lufs + 0.691) / 10.0))


def _k_weighting(rate_hz: int) -> np.ndarray:
    """Return the pre-filter as second-order sections, by De Man's exact design for any rate."""
    shelf = IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, rate_hz,
                      "high_shelf_DeMan")  # fmt: skip
    highpass = IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, rate_hz, "high_pass_DeMan")
    return np.array([[*shelf.b, *shelf.a], [*highpass.b, *highpass.a]])
