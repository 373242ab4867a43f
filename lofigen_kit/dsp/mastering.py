"""The last stage before the file: no direct current, the loudness asked for, peaks held down.

A sound goes through twice. On the first pass direct current is blocked, and what is left is kept
with its outline: peaks and power in stretches of a third of a millisecond, enough to plan the gain
by. Where the limiter is at work, its sound is measured and the plan corrected; then it is given
out. Sounds come and go in blocks, so hours take no more memory than seconds.

A beat is a loop, and taken as circular throughout: the filter's and the limiter's memory of the
end reaches into the start, and a seamless loop stays seamless. A piece is taken as it stands.
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
SILENCE_DBTP = -100.0  # no sound that was ever stored in 16 bits peaks below it

_FINE_LU = 0.03  # aimed at, so that the tolerance is kept with room to spare
_MAX_STEPS = 40
_MAX_ROUNDS = 4
_MARGIN_DB = 0.12  # what another meter reads more, measured on limited white noise, and rounding


class Store(Protocol):
    """Blocks that can be added and gone through again: a list, or a file."""

    def append(self, block: np.ndarray, /) -> None:
        """Keep one more block."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Go through all blocks from the first."""


@dataclass(frozen=True)
class MasteredSound:
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


@dataclass(frozen=True)
class MasteredBlocks:
    """How a sound that was gone through once is brought to its loudness, and what comes of it.

    Attributes:
        blocks: Gives the finished sound from its beginning, as often as it is called
            [shape=(channels, frames), dtype=float32].
        frames: How long it is.
        loudness_lufs: Its integrated loudness; minus infinity for silence.
        true_peak_dbtp: Its true peak; minus infinity for silence.
        target_unreached: Why the loudness is not the one asked for; None where it is.
    """

    blocks: Callable[[], Blocks]
    frames: int
    loudness_lufs: float
    true_peak_dbtp: float
    target_unreached: str | None = None


def master(
    audio: AudioBuffer, *, loudness_lufs: float | None, true_peak_dbtp: float, loop: bool = False
) -> MasteredSound:
    """Master a whole sound; see `master_blocks`."""
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
    """Block direct current, bring the loudness to its target, hold true peaks under a ceiling.

    Peaks above the ceiling are limited, all channels alike, by at most 8 dB; where the target
    would take more, the sound stays quieter and `target_unreached` says so. What never rises
    above -100 dBTP is silence: it is not brought up, and it is reported.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: What it is: up to five channels; it may turn out longer than that.
        loudness_lufs: The target, met within 0.1 LU; None keeps the level, but for the ceiling.
        true_peak_dbtp: The ceiling.
        loop: Whether the end leads into the beginning; then the whole sound is held in memory.
        store: Makes what keeps the sound and its outline between the two passes.

    Raises:
        AudioError: for more than five channels.
    """
    kept = store()
    outline = _LoudnessOutline(sound, store(), loop=loop)
    outline.measure_blocks(_store_blocks(_remove_dc_blocks(blocks, sound, loop=loop), kept))
    ceiling_dbtp = true_peak_dbtp - _MARGIN_DB
    silent = outline.peak_db < SILENCE_DBTP
    if loudness_lufs is None or silent:
        gain_db = min(0.0, outline.most_gain_db(ceiling_dbtp))
        mastered = _limit_at_gain(kept, outline, gain_db, ceiling_dbtp)
        reason = None if loudness_lufs is None else "the sound is silent: nothing to bring up"
    else:
        mastered = _reach_target(kept, outline, loudness_lufs, ceiling_dbtp)
        reason = _explain_shortfall(loudness_lufs, mastered)
    return replace(mastered, target_unreached=reason)


def compute_master_gain_db(
    blocks: Iterable[np.ndarray], sound: AudioFormat, *, loudness_lufs: float, true_peak_dbtp: float
) -> float:
    """Return the gain before the limiter that brings a sound about to its loudness.

    It is what `master_blocks` begins from. Silence is left as it is.

    Args:
        blocks: The sound, in pieces of any size, without direct current.
        sound: What it is.
        loudness_lufs: The target.
        true_peak_dbtp: The ceiling.
    """
    outline = _LoudnessOutline(sound, [], loop=False)
    outline.measure_blocks(iter(blocks))
    if outline.peak_db < SILENCE_DBTP:
        return 0.0
    return outline.gain_db(loudness_lufs, true_peak_dbtp - _MARGIN_DB)


def block_dc(audio: AudioBuffer, *, loop: bool = False) -> AudioBuffer:
    """Remove what lies below 20 Hz (-3 dB there, 24 dB an octave).

    A Butterworth filter of order 2 runs forwards and backwards, so that no phase turns and peaks
    keep their height. Around a loop it hears the loop, around a piece its mirror image, long
    enough to have settled: the ends get neither a fade nor a step.
    """
    sound = audio.format
    blocks = _remove_dc_blocks(split_blocks(audio.samples), sound, loop=loop)
    return audio.with_samples(np.concatenate([audio.samples[:, :0], *blocks], axis=1))


def _remove_dc_blocks(blocks: Iterable[np.ndarray], sound: AudioFormat, *, loop: bool) -> Blocks:
    """Yield what `block_dc` returns, in blocks of `POINTS` stretches."""
    rate_hz = sound.sample_rate_hz
    corner_hz = DC_BLOCK_HZ * (math.sqrt(2.0) - 1.0) ** 0.25  # two passes of it make -3 dB
    sections = butterworth(2, corner_hz, rate_hz, high=True)
    settling = rate_hz // 4  # 17 time constants: -150 dB
    if not sound.frames:
        return
    surrounded = pad_ends(blocks, settling, "wrap" if loop else "symmetric")
    for window in split_windows(surrounded, POINTS * compute_stretch_frames(sound), settling):
        heard = window.astype(np.float64)
        run_sections(heard, sections)
        run_sections(heard, sections, backwards=True)
        yield heard[:, settling:-settling].astype(np.float32)


def _store_blocks(blocks: Blocks, store: Store) -> Blocks:
    """Yield blocks, and keep them."""
    for block in blocks:
        store.append(block)
        yield block


class _LoudnessOutline:
    """A sound at about 3 kHz: enough to plan its gain in a fraction of the time.

    Args:
        sound: What it is of.
        store: Keeps true peaks and mean K-weighted power in each stretch, by blocks of `POINTS`
            [shape=(2, points), dtype=float32].
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
        """Measure a sound.

        Far below its highest peak the limiter is never at work, and no peak is looked for.
        """
        stretch = compute_stretch_frames(self.sound)
        near, far = tee(blocks)
        pairs = zip(
            split_peak_windows(near, self.sound), weighted_power(far, self.sound), strict=True
        )
        for window, power in pairs:
            peaks = stretch_peaks(window, stretch, self.peak * db_to_gain(-MAX_REDUCTION_DB))
            self.peak = max(self.peak, float(peaks.max()))
            self.frames += window.shape[1] - 2 * MARGIN
            self._store.append(np.concatenate([peaks[None], power]).astype(np.float32))

    @property
    def peak_db(self) -> float:
        """The highest true peak."""
        return gain_to_db(self.peak)

    def reductions_db(self, gain_db: float, ceiling_dbtp: float) -> Blocks:
        """Yield what the limiter would take away after this gain [shape=(1, points)]."""
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
        """Return about how loud the sound would be, through the limiter."""
        reductions = self.reductions_db(gain_db, ceiling_dbtp)
        power = (
            block[1:] * 10.0 ** ((gain_db - reduction) / 10.0)
            for block, reduction in zip(self._store, reductions, strict=True)
        )
        return gated_lufs(power, self.rate_hz)

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
            step_db = target_lufs - self.loudness_lufs(gain_db, ceiling_dbtp)
            gain_db = min(gain_db + step_db, most_db)
            if abs(step_db) < _FINE_LU / 10.0 or gain_db == most_db:
                break
        return gain_db

    def gains(self, gain_db: float, ceiling_dbtp: float) -> Blocks:
        """Yield the gain in every frame [shape=(1, frames), dtype=float32]."""
        stretch = compute_stretch_frames(self.sound)
        points = -(-self.frames // stretch)
        first = 0
        reductions = self.reductions_db(gain_db, ceiling_dbtp)
        surrounded = pad_ends(reductions, 1, "wrap" if self.loop else "edge")
        for window in split_windows(surrounded, POINTS, 1):
            curve = (10.0 ** ((gain_db - window[0]) / 20.0)).astype(np.float32)
            last = first + len(curve) - 2
            frames = np.arange(first * stretch, min(last * stretch, self.frames))
            if (curve == curve[0]).all():
                yield curve[None, :1]
            else:
                places = self._middle(np.arange(first - 1, last + 1), points, stretch)
                yield np.interp(frames, places, curve).astype(np.float32)[None]
            first = last

    def _middle(self, numbers: np.ndarray, points: int, stretch: int) -> np.ndarray:
        """Return where the middles of stretches lie, in frames; the last one may be shorter."""
        laps, within = np.divmod(numbers, points)
        ends = np.minimum((within + 1) * stretch, self.frames)
        return np.asarray(laps * self.frames + (within * stretch + ends - 1) / 2)


def _reach_target(
    kept: Store, outline: _LoudnessOutline, target_lufs: float, ceiling_dbtp: float
) -> MasteredBlocks:
    """Plan, measure, and correct the little by which the outline was wrong."""
    aim_lufs = target_lufs
    for _ in range(_MAX_ROUNDS):
        gain_db = outline.gain_db(aim_lufs, ceiling_dbtp)
        mastered = _limit_at_gain(kept, outline, gain_db, ceiling_dbtp)
        missing_lu = target_lufs - mastered.loudness_lufs
        at_limit = gain_db == outline.most_gain_db(ceiling_dbtp)
        if abs(missing_lu) <= _FINE_LU or (at_limit and missing_lu > 0):
            break
        aim_lufs += missing_lu
    return mastered


def _limit_at_gain(
    kept: Store, outline: _LoudnessOutline, gain_db: float, ceiling_dbtp: float
) -> MasteredBlocks:
    """Return the sound through gain and limiter, what still stands over the ceiling taken off."""
    louder = partial(_apply_gains, kept, outline, gain_db, ceiling_dbtp)
    peak_dbtp = outline.peak_db + gain_db
    if peak_dbtp <= ceiling_dbtp:  # the outline knows all of it
        loudness_lufs = outline.loudness_lufs(gain_db, ceiling_dbtp)
        return MasteredBlocks(louder, outline.frames, loudness_lufs, peak_dbtp)
    loudness_lufs, peak_dbtp = measure_loudness(louder(), outline.sound)
    trim_db = min(0.0, ceiling_dbtp - peak_dbtp)
    trimmed = partial(louder, trim=np.float32(db_to_gain(trim_db)))
    return MasteredBlocks(trimmed, outline.frames, loudness_lufs + trim_db, peak_dbtp + trim_db)


def _apply_gains(
    kept: Store,
    outline: _LoudnessOutline,
    gain_db: float,
    ceiling_dbtp: float,
    trim: np.float32 = np.float32(1.0),  # noqa: B008 - a number
) -> Blocks:
    for block, gain in zip(kept, outline.gains(gain_db, ceiling_dbtp), strict=True):
        yield block * (gain * trim)


def _explain_shortfall(target_lufs: float, mastered: MasteredBlocks) -> str | None:
    missing_lu = target_lufs - mastered.loudness_lufs
    if abs(missing_lu) <= TOLERANCE_LU:
        return None
    return (
        f"{target_lufs:g} LUFS would take more than {MAX_REDUCTION_DB:g} dB of limiting: the "
        f"peaks stand too high above the rest, and it stays at {mastered.loudness_lufs:.1f} LUFS"
    )
