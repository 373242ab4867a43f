"""Mastering, the last stage before the file: DC blocking, loudness, true-peak limiting.

A sound is processed in two passes. The first pass blocks DC, stores the result, and stores its
outline: true peaks and power in stretches of a third of a millisecond. The gain is planned on this
outline. Where the limiter works, the limited sound is measured and the plan is corrected. The
second pass applies the gain. Sounds are processed in blocks, so an hour takes no more memory than a
second, if the store is a file.

A loop is treated as circular: the filter and the limiter run over its seam, so a seamless loop
stays seamless. A sound that is no loop begins and ends as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import tee
from typing import Protocol

import numpy as np

from lofigen_kit.audio.blocks import Blocks, split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.dsp.blocks import pad_ends, split_windows
from lofigen_kit.dsp.decibels import db_to_gain, gain_to_db
from lofigen_kit.dsp.filters import butterworth, run_sections
from lofigen_kit.dsp.limiter import count_margin_points, reduction_db
from lofigen_kit.dsp.loudness import (
    POINTS,
    compute_stretch_frames,
    gated_lufs,
    measure_loudness,
    outline_rate_hz,
    split_peak_windows,
    weighted_power,
)
from lofigen_kit.dsp.meters import MARGIN, stretch_peaks

DC_BLOCK_HZ = 20.0
MAX_REDUCTION_DB = 8.0
TOLERANCE_LU = 0.1
SILENCE_DBTP = -100.0  # below the smallest peak of 16-bit audio

_FINE_LU = 0.03  # the goal of the search: well within the tolerance
_MAX_STEPS = 40
_MAX_ROUNDS = 4
_MARGIN_DB = 0.12  # excess reading of other meters on limited white noise, plus rounding


class Store(Protocol):
    """A container of blocks that can be appended and iterated repeatedly: a list, or a file."""

    def append(self, block: np.ndarray, /) -> None:
        """Append one block."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over all blocks from the first."""


@dataclass(frozen=True)
class MasteredSound:
    """A mastered sound with its measurements.

    Attributes:
        audio: The sound.
        loudness_lufs: Its integrated loudness; minus infinity for silence.
        true_peak_dbtp: Its true peak; minus infinity for silence.
        target_unreached: Why the loudness is not the target; None where it is.
    """

    audio: AudioBuffer
    loudness_lufs: float
    true_peak_dbtp: float
    target_unreached: str | None


@dataclass(frozen=True)
class MasteredBlocks:
    """A mastered sound in blocks, with its measurements; its gain is applied when it is read.

    Attributes:
        blocks: Returns the mastered sound from its beginning, each time it is called
            [shape=(channels, frames), dtype=float32].
        frames: Length of the sound.
        loudness_lufs: Its integrated loudness; minus infinity for silence.
        true_peak_dbtp: Its true peak; minus infinity for silence.
        target_unreached: Why the loudness is not the target; None where it is.
    """

    blocks: Callable[[], Blocks]
    frames: int
    loudness_lufs: float
    true_peak_dbtp: float
    target_unreached: str | None = None


def master(
    audio: AudioBuffer, *, loudness_lufs: float | None, true_peak_dbtp: float, loop: bool = False
) -> MasteredSound:
    """Return a whole sound, mastered; see `master_blocks` for the arguments and errors."""
    sound = audio.format
    mastered = master_blocks(
        split_blocks(audio.samples),
        sound,
        loudness_lufs=loudness_lufs,
        true_peak_dbtp=true_peak_dbtp,
        loop=loop,
    )
    samples = np.concatenate([audio.samples[:, :0], *mastered.blocks()], axis=1)
    return MasteredSound(
        audio.with_samples(samples),
        mastered.loudness_lufs,
        mastered.true_peak_dbtp,
        mastered.target_unreached,
    )


def master_blocks(
    blocks: Iterable[np.ndarray],
    sound: AudioFormat,
    *,
    loudness_lufs: float | None,
    true_peak_dbtp: float,
    loop: bool = False,
    store: Callable[[], Store] = list,
) -> MasteredBlocks:
    """Block DC, bring the loudness to its target, and limit true peaks to a ceiling.

    Peaks above the ceiling are limited, all channels alike, by at most 8 dB. Where the target would
    take more, the sound stays quieter and `target_unreached` says so. A sound with a true peak
    below -100 dBTP is silence: it is not amplified, and `target_unreached` says so.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the sound, of up to five channels; there may be more blocks than its
            `frames`.
        loudness_lufs: The target, met within 0.1 LU; None keeps the level, unless a peak is above
            the ceiling.
        true_peak_dbtp: The ceiling.
        loop: Whether the end leads into the beginning; then the whole sound is held in memory.
        store: Makes a container for the sound, and one for its outline, between the two passes.

    Raises:
        AudioError: for more than five channels.
    """
    stored = store()
    outline = _LoudnessOutline(sound, store(), loop=loop)
    outline.measure_blocks(_store_blocks(_remove_dc_blocks(blocks, sound, loop=loop), stored))
    ceiling_dbtp = true_peak_dbtp - _MARGIN_DB
    silent = outline.peak_db < SILENCE_DBTP
    if loudness_lufs is None or silent:
        gain_db = min(0.0, outline.max_gain_db(ceiling_dbtp))
        mastered = _limit_at_gain(stored, outline, gain_db, ceiling_dbtp)
        reason = None if loudness_lufs is None else "the sound is silent: nothing to bring up"
    else:
        mastered = _reach_target(stored, outline, loudness_lufs, ceiling_dbtp)
        reason = _explain_shortfall(loudness_lufs, mastered)
    return replace(mastered, target_unreached=reason)


def compute_master_gain_db(
    blocks: Iterable[np.ndarray], sound: AudioFormat, *, loudness_lufs: float, true_peak_dbtp: float
) -> float:
    """Return the gain in dB before the limiter that brings a sound near its target loudness.

    It is the first estimate of `master_blocks`. For silence it is 0.

    Args:
        blocks: The sound, in pieces of any size, without DC
            [shape=(channels, frames), dtype=float32].
        sound: Format of the sound, of up to five channels.
        loudness_lufs: The target.
        true_peak_dbtp: The ceiling.

    Raises:
        AudioError: for more than five channels.
    """
    outline = _LoudnessOutline(sound, [], loop=False)
    outline.measure_blocks(iter(blocks))
    if outline.peak_db < SILENCE_DBTP:
        return 0.0
    return outline.gain_db(loudness_lufs, true_peak_dbtp - _MARGIN_DB)


def block_dc(audio: AudioBuffer, *, loop: bool = False) -> AudioBuffer:
    """Return a sound without DC: a zero-phase high-pass at 20 Hz (-3 dB; 24 dB per octave).

    A Butterworth filter of order 2 runs forwards and backwards, so phases and peak heights do not
    change. A loop is extended by itself, any other sound by its mirror image, until the filter has
    settled: the ends get neither a fade nor a step.

    Args:
        audio: Any number of channels.
        loop: Whether the end leads into the beginning.
    """
    sound = audio.format
    blocks = _remove_dc_blocks(split_blocks(audio.samples), sound, loop=loop)
    return audio.with_samples(np.concatenate([audio.samples[:, :0], *blocks], axis=1))


def _remove_dc_blocks(blocks: Iterable[np.ndarray], sound: AudioFormat, *, loop: bool) -> Blocks:
    """Yield the result of `block_dc` in blocks of `POINTS` stretches."""
    rate_hz = sound.sample_rate_hz
    corner_hz = DC_BLOCK_HZ * (math.sqrt(2.0) - 1.0) ** 0.25  # -3 dB after two passes
    sections = butterworth(2, corner_hz, rate_hz, high=True)
    settling = rate_hz // 4  # 17 time constants: -150 dB
    if not sound.frames:
        return
    padded = pad_ends(blocks, settling, "wrap" if loop else "symmetric")
    for window in split_windows(padded, POINTS * compute_stretch_frames(sound), settling):
        samples = window.astype(np.float64)
        run_sections(samples, sections)
        run_sections(samples, sections, backwards=True)
        yield samples[:, settling:-settling].astype(np.float32)


def _store_blocks(blocks: Blocks, store: Store) -> Blocks:
    """Yield blocks, and append each to a store."""
    for block in blocks:
        store.append(block)
        yield block


class _LoudnessOutline:
    """A sound reduced to about 3 kHz: true peaks and power, enough to plan its gain quickly.

    Args:
        sound: Format of the sound.
        store: Container of the true peaks and the mean K-weighted power of each stretch, in blocks
            of `POINTS` [shape=(2, points), dtype=float32].
        loop: Whether the end leads into the beginning.
    """

    def __init__(self, sound: AudioFormat, store: Store, *, loop: bool) -> None:
        self.sound = sound
        self.loop = loop
        self.rate_hz = outline_rate_hz(sound)
        self.peak = 0.0
        self.frames = 0
        self._store = store

    def measure_blocks(self, blocks: Blocks) -> None:
        """Measure a sound and store its outline.

        The limiter never works far below the highest peak, so true peaks are not computed there.
        """
        stretch = compute_stretch_frames(self.sound)
        peak_blocks, power_blocks = tee(blocks)
        pairs = zip(
            split_peak_windows(peak_blocks, self.sound),
            weighted_power(power_blocks, self.sound),
            strict=True,
        )
        for window, power in pairs:
            peaks = stretch_peaks(window, stretch, self.peak * db_to_gain(-MAX_REDUCTION_DB))
            self.peak = max(self.peak, float(peaks.max()))
            self.frames += window.shape[1] - 2 * MARGIN
            self._store.append(np.concatenate([peaks[None], power]).astype(np.float32))

    @property
    def peak_db(self) -> float:
        """The highest true peak in dBTP."""
        return gain_to_db(self.peak)

    def reductions_db(self, gain_db: float, ceiling_dbtp: float) -> Blocks:
        """Yield the gain reduction of the limiter after a gain [shape=(1, points)]."""
        margin = count_margin_points(MAX_REDUCTION_DB, self.rate_hz)
        scale = db_to_gain(gain_db - ceiling_dbtp)
        if self.peak * scale <= 1.0:
            yield from (np.zeros((1, block.shape[1])) for block in self._store)
            return
        peaks = pad_ends((b[:1] for b in self._store), margin, "wrap" if self.loop else "constant")
        for window in split_windows(peaks, POINTS, margin):
            excess_db = 20.0 * np.log10(np.maximum(window[0] * scale, 1.0))
            yield reduction_db(excess_db, self.rate_hz)[None, margin:-margin]

    def loudness_lufs(self, gain_db: float, ceiling_dbtp: float) -> float:
        """Return the estimated loudness after the gain and the limiter."""
        reductions = self.reductions_db(gain_db, ceiling_dbtp)
        power = (
            block[1:] * 10.0 ** ((gain_db - reduction) / 10.0)
            for block, reduction in zip(self._store, reductions, strict=True)
        )
        return gated_lufs(power, self.rate_hz)

    def max_gain_db(self, ceiling_dbtp: float) -> float:
        """Return the gain at which the limiter reduces the highest peak by `MAX_REDUCTION_DB`."""
        return ceiling_dbtp + MAX_REDUCTION_DB - self.peak_db

    def gain_db(self, target_lufs: float, ceiling_dbtp: float) -> float:
        """Return the gain before the limiter that reaches the target in the outline.

        The search starts where the highest peak touches the ceiling, and each step adds the missing
        loudness. Below that point one step is exact. Above it, loudness grows no faster than the
        gain, so the steps approach the target from below and cannot overshoot. This start also
        keeps a very quiet sound above the absolute gate of the meter.
        """
        max_db = self.max_gain_db(ceiling_dbtp)
        gain_db = ceiling_dbtp - self.peak_db
        for _ in range(_MAX_STEPS):
            step_db = target_lufs - self.loudness_lufs(gain_db, ceiling_dbtp)
            gain_db = min(gain_db + step_db, max_db)
            if abs(step_db) < _FINE_LU / 10.0 or gain_db == max_db:
                break
        return gain_db

    def gains(self, gain_db: float, ceiling_dbtp: float) -> Blocks:
        """Yield the gain of every frame [shape=(1, frames), dtype=float32].

        Where the gain is constant over a block, the shape is (1, 1).
        """
        stretch = compute_stretch_frames(self.sound)
        points = -(-self.frames // stretch)
        first = 0
        reductions = self.reductions_db(gain_db, ceiling_dbtp)
        padded = pad_ends(reductions, 1, "wrap" if self.loop else "edge")
        for window in split_windows(padded, POINTS, 1):
            curve = (10.0 ** ((gain_db - window[0]) / 20.0)).astype(np.float32)
            last = first + len(curve) - 2
            frames = np.arange(first * stretch, min(last * stretch, self.frames))
            if (curve == curve[0]).all():
                yield curve[None, :1]
            else:
                centres = self._centre_frames(np.arange(first - 1, last + 1), points, stretch)
                yield np.interp(frames, centres, curve).astype(np.float32)[None]
            first = last

    def _centre_frames(self, numbers: np.ndarray, points: int, stretch: int) -> np.ndarray:
        """Return the centres of stretches in frames; the last stretch of a sound may be shorter."""
        repetitions, within = np.divmod(numbers, points)
        ends = np.minimum((within + 1) * stretch, self.frames)
        return np.asarray(repetitions * self.frames + (within * stretch + ends - 1) / 2)


def _reach_target(
    stored: Store, outline: _LoudnessOutline, target_lufs: float, ceiling_dbtp: float
) -> MasteredBlocks:
    """Plan the gain, measure the result, and correct the small error of the outline."""
    aim_lufs = target_lufs
    for _ in range(_MAX_ROUNDS):
        gain_db = outline.gain_db(aim_lufs, ceiling_dbtp)
        mastered = _limit_at_gain(stored, outline, gain_db, ceiling_dbtp)
        missing_lu = target_lufs - mastered.loudness_lufs
        at_limit = gain_db == outline.max_gain_db(ceiling_dbtp)
        if abs(missing_lu) <= _FINE_LU or (at_limit and missing_lu > 0):
            break
        aim_lufs += missing_lu
    return mastered


def _limit_at_gain(
    stored: Store, outline: _LoudnessOutline, gain_db: float, ceiling_dbtp: float
) -> MasteredBlocks:
    """Return the sound after gain and limiter, trimmed by what is still above the ceiling."""
    amplified = partial(_apply_gains, stored, outline, gain_db, ceiling_dbtp)
    peak_dbtp = outline.peak_db + gain_db
    if peak_dbtp <= ceiling_dbtp:  # without limiting, the outline is exact
        loudness_lufs = outline.loudness_lufs(gain_db, ceiling_dbtp)
        return MasteredBlocks(amplified, outline.frames, loudness_lufs, peak_dbtp)
    loudness_lufs, peak_dbtp = measure_loudness(amplified(), outline.sound)
    trim_db = min(0.0, ceiling_dbtp - peak_dbtp)
    trimmed = partial(amplified, trim=np.float32(db_to_gain(trim_db)))
    return MasteredBlocks(trimmed, outline.frames, loudness_lufs + trim_db, peak_dbtp + trim_db)


def _apply_gains(
    stored: Store,
    outline: _LoudnessOutline,
    gain_db: float,
    ceiling_dbtp: float,
    trim: np.float32 = np.float32(1.0),  # noqa: B008 - a number
) -> Blocks:
    for block, gain in zip(stored, outline.gains(gain_db, ceiling_dbtp), strict=True):
        yield block * (gain * trim)


def _explain_shortfall(target_lufs: float, mastered: MasteredBlocks) -> str | None:
    missing_lu = target_lufs - mastered.loudness_lufs
    if abs(missing_lu) <= TOLERANCE_LU:
        return None
    return (
        f"{target_lufs:g} LUFS would take more than {MAX_REDUCTION_DB:g} dB of limiting: the "
        f"peaks are too high above the rest, and it stays at {mastered.loudness_lufs:.1f} LUFS"
    )
