"""The rack: effects one after another, whole or in blocks of constant size.

A whole sound is run through the same blocks as one that is read from a file bit by bit, so that
both come out equal to the last bit. What is common to all effects is done here and not in them:
the mix of wet and dry, latency, the ends of a loop, and the check that every sample is a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, tee

import numpy as np

from lofigen_kit.audio import AudioBuffer
from lofigen_kit.components import BlockEffect, Context, Effect, Sound
from lofigen_kit.errors import RenderError

BLOCK = 8192
"""Frames in a block, but for the last one of a sound."""

Blocks = Iterator[np.ndarray]
"""Pieces of a sound, in order [shape=(channels, frames), dtype=float32]."""


def stages(effects: Iterable[Effect]) -> Iterator[tuple[str, Effect]]:
    """Yield each effect with its stage's name, numbered among those of the same name."""
    count: Counter[str] = Counter()
    for effect in effects:
        yield f"effects.{effect.use}#{count[effect.use]}", effect
        count[effect.use] += 1


def applied(effect: Effect, dry: AudioBuffer, ctx: Context, *, loop: bool) -> AudioBuffer:
    """Return an effect's sound, mixed with what went in; a loop is heard as it goes round.

    Raises:
        RenderError: where the effect gives another shape, or samples that are not numbers.
    """
    if effect.mix == 0.0:
        return dry
    around = round(effect.memory_s * dry.sample_rate_hz) if loop else 0
    heard = dry
    if around:
        heard = dry.with_samples(np.pad(dry.samples, ((0, 0), (around, around)), mode="wrap"))
    start_s = ctx.grid.start_s + around / dry.sample_rate_hz
    grid = ctx.grid.model_copy(update={"start_s": start_s})
    loop_s = dry.duration_s if loop else None
    wet = effect.apply(heard, replace(ctx, grid=grid, loop_s=loop_s))
    shape, rate_hz = wet.samples.shape, wet.sample_rate_hz
    if (shape, rate_hz) != (heard.samples.shape, heard.sample_rate_hz):
        raise RenderError(
            f"it gave {shape} at {rate_hz} Hz for {heard.samples.shape} at "
            f"{heard.sample_rate_hz} Hz"
        )
    piece = wet.samples[:, around : around + dry.frames]
    return crossfaded(dry, wet.with_samples(piece), effect.mix)


def crossfaded(dry: AudioBuffer, wet: AudioBuffer, mix: float) -> AudioBuffer:
    """Mix linearly; at either end, one of the two passes bit for bit."""
    return dry.with_samples(_mixed(dry.samples, wet.samples, mix))


def in_blocks(effect: BlockEffect, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
    """Return what a block effect makes of a whole sound, as long as that and in time with it."""
    sound = Sound(audio.channels, audio.frames, audio.sample_rate_hz)
    pieces = list(_wet(effect, sound, ctx, cut(audio.samples)))
    return audio.with_samples(np.concatenate([audio.samples[:, :0], *pieces], axis=1))


def streamed(effect: Effect, sound: Sound, ctx: Context, dry: Blocks) -> Blocks:
    """Yield what `applied` returns of a sound that is no loop, block by block.

    A block effect holds no more than its latency in memory; any other takes the whole sound.

    Args:
        effect: What to apply.
        sound: What is coming.
        ctx: As for `apply`.
        dry: The sound, in pieces of any size.
    """
    if effect.mix == 0.0:
        yield from dry
        return
    if not isinstance(effect, BlockEffect):
        whole = np.concatenate(list(dry), axis=1)
        audio = AudioBuffer(whole, sound.sample_rate_hz)
        yield from cut(applied(effect, audio, ctx, loop=False).samples)
        return
    heard, kept = tee(dry)
    wet = _wet(effect, sound, ctx, heard)
    for ours, theirs in zip(in_equal_pieces(kept, BLOCK), in_equal_pieces(wet, BLOCK), strict=True):
        if not np.isfinite(theirs).all():
            raise RenderError("it gave samples that are not numbers")
        yield _mixed(ours, theirs, effect.mix)


def cut(samples: np.ndarray, size: int = BLOCK) -> Blocks:
    """Yield a whole sound in blocks."""
    for start in range(0, samples.shape[1], size):
        yield samples[:, start : start + size]


def in_equal_pieces(pieces: Iterable[np.ndarray], size: int) -> Blocks:
    """Yield a sound that comes in pieces of any size in blocks of one size; the last is shorter."""
    waiting: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += piece.shape[1]
        if count < size:
            continue
        whole = np.concatenate(waiting, axis=1) if len(waiting) > 1 else piece
        full = count - count % size
        yield from cut(whole[:, :full], size)
        waiting, count = [whole[:, full:]], count - full
    if count:
        yield np.concatenate(waiting, axis=1)


def _wet(effect: BlockEffect, sound: Sound, ctx: Context, dry: Blocks) -> Blocks:
    """Yield an effect's sound, its latency taken off the beginning and made up at the end."""
    late = effect.latency_frames(sound)
    silence = np.zeros((sound.channels, late), np.float32)
    process = effect.start(sound, ctx)
    skip = late
    for block in in_equal_pieces(chain(dry, [silence]), BLOCK):
        wet = process(block, effect)
        if wet.shape != block.shape:
            raise RenderError(f"it gave a block of {wet.shape} for one of {block.shape}")
        yield wet[:, skip:].astype(np.float32, copy=False)
        skip = max(0, skip - block.shape[1])


def _mixed(dry: np.ndarray, wet: np.ndarray, mix: float) -> np.ndarray:
    if mix in (0.0, 1.0):
        return wet if mix else dry
    weight = np.float32(mix)
    return (1 - weight) * dry + weight * wet
