"""The rack: effects one after another, whole or in blocks of constant size.

A whole sound is run through the same blocks as one that is read from a file bit by bit, so that
both come out equal to the last bit. What is common to all effects is done here and not in them:
the mix of wet and dry, latency, tails, the ends of a loop, what moves, a change of speed, and the
check that every sample is a number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, tee
from typing import Any

import numpy as np

from lofigen_kit.audio.blocks import BLOCK, Blocks, rechunk, split_blocks
from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.effects.effect import (
    BlockEffect,
    BranchedEffect,
    Process,
    compute_speed,
    compute_tail_s,
    get_speed,
    get_tail_s,
    is_dry,
)
from lofigen_kit.errors import AudioError, LofigenError, RenderError
from lofigen_kit.music.score import BeatGrid
from lofigen_kit.runtime.seeding import rng_for_part

CONTROL = 256
"""Frames in a block of an effect that automation moves: this often its parameters are set anew."""

SILENT_DBFS = -80.0
"""A tail ends where it stays below this."""


Contexts = Callable[[str], Context]
"""From a stage's name to its context, with the beats where they fall in the dry sound."""

LiveControl = Callable[[np.ndarray, Any, Process], np.ndarray]
"""Turns an effect's numbers by hand while it plays.

From a block, the effect as automation has it there, and the effect's own `Process`, to the
processed block; it calls the process with the effect as it has been turned."""


def name_stages(effects: Iterable[Effect], within: str = "effects") -> Iterator[tuple[str, Effect]]:
    """Yield each effect with its stage's name, numbered among those of the same name."""
    count: Counter[str] = Counter()
    for effect in effects:
        yield f"{within}.{effect.use}#{count[effect.use]}", effect
        count[effect.use] += 1


@contextmanager
def locate_errors(name: str, *, reads: bool = False) -> Iterator[None]:
    """Name the stage in whatever goes wrong within it.

    An exception of a plugin's is a RenderError, and so is impossible audio, unless the stage
    reads it from a file: then it was given wrongly. What names its place already is left alone.
    """
    try:
        yield
    except AudioError as error:
        if error.where and not reads:
            raise
        kind = type(error) if reads else RenderError
        raise kind(error.message, where=error.where or name, remedy=error.remedy) from error
    except LofigenError as error:
        error.where = error.where or name
        raise
    except Exception as error:
        raise RenderError(f"{type(error).__name__}: {error}", where=name) from error


def find_whole_sound_stages(effects: Iterable[Effect]) -> list[str]:
    """Return the stages of those effects that give no block before they were given the last.

    What changes the speed is among them: where a block of it begins depends on where it ends.
    """
    found = []
    for name, effect in name_stages(effects):
        if is_dry(effect) or isinstance(effect, BlockEffect):
            continue
        if not isinstance(effect, BranchedEffect) or any(
            map(find_whole_sound_stages, effect.branches)
        ):
            found.append(name)
    return found


def process_stream(
    effects: Sequence[Effect],
    sound: AudioFormat,
    contexts: Contexts,
    dry: Blocks,
    *,
    tail: bool = True,
    live_controls: Mapping[str, LiveControl] | None = None,
    within: str = "effects",
) -> tuple[AudioFormat, Blocks]:
    """Run a sound that is no loop through effects, one after another, block by block.

    Args:
        effects: What to apply, in order; to a sound without an end, none that takes the whole.
        sound: What is coming.
        contexts: What each stage is given.
        dry: The sound, in pieces of any size.
        tail: Let the effects sound on after its end, until all is silent.
        live_controls: What is turned by hand, by stage.
        within: What the names of the stages begin with.

    Returns:
        What the sound becomes, its tail not counted; and its blocks, equal bit for bit to what
        `process_whole` gives of the whole.
    """
    live_controls = live_controls or {}
    if sound.endless:
        blocks = dry
        for name, effect in name_stages(effects, within):
            processed = apply_blocks(
                effect, sound, contexts(name), blocks, live_control=live_controls.get(name)
            )
            blocks = _locate_block_errors(name, processed)
        return sound, blocks
    blocks, plan = dry, _StagePlan(effects, sound, contexts, tail=tail, within=within)
    if plan.silence:
        blocks = chain(dry, split_blocks(np.zeros((sound.channels, plan.silence), np.float32)))
    for stage in plan.stages:
        processed = apply_blocks(
            stage.effect, stage.sound, stage.ctx, blocks, live_control=live_controls.get(stage.name)
        )
        blocks = _locate_block_errors(stage.name, processed)
    return plan.piece, _trim_tail(blocks, plan.piece.frames) if plan.silence else blocks


def process_whole(
    effects: Sequence[Effect],
    dry: AudioBuffer,
    contexts: Contexts,
    *,
    loop: bool,
    tail: bool = True,
    within: str = "effects",
) -> Iterator[tuple[str, AudioBuffer]]:
    """Run a whole sound through effects; yield each stage's name and the sound after it.

    A loop is processed as it goes round, its tail in its beginning; for the rest see
    `process_stream`.
    """
    sound = dry.format
    plan = _StagePlan(effects, sound, contexts, tail=tail and not loop, within=within)
    audio = dry.with_samples(np.pad(dry.samples, ((0, 0), (0, plan.silence))))
    for number, stage in enumerate(plan.stages, start=1):
        with locate_errors(stage.name):
            audio = apply_effect(stage.effect, audio, stage.ctx, loop=loop)
        end = _scale_frames(sound.frames, compute_speed(effects[:number]))
        pieces = (
            _trim_tail(split_blocks(audio.samples), end)
            if plan.silence
            else split_blocks(audio.samples)
        )
        yield stage.name, _concatenate_blocks(audio, pieces)


def apply_effect(effect: Effect, dry: AudioBuffer, ctx: Context, *, loop: bool) -> AudioBuffer:
    """Return an effect's sound, mixed with what went in; a loop is processed as it goes round.

    Raises:
        RenderError: where the effect gives another shape, or samples that are not numbers.
    """
    effect = effect.sync_rates(ctx.grid)
    if is_dry(effect) or not dry.frames:
        return dry
    if not loop and isinstance(effect, BlockEffect | BranchedEffect):
        return _concatenate_blocks(
            dry, apply_blocks(effect, dry.format, ctx, split_blocks(dry.samples))
        )
    if isinstance(effect, BranchedEffect):
        wet = apply_branches(effect, dry, ctx, loop=loop)
    elif isinstance(effect, BlockEffect):
        wet = _process_loop_blocks(effect, dry, ctx)
    else:
        wet = _apply_to_whole(effect, dry, ctx, loop=loop)
    if get_speed(effect) != 1.0:
        return wet
    return dry.with_samples(_mix_wet(dry.samples, wet.samples, _weights(effect, dry, ctx.grid)))


def crossfade(dry: AudioBuffer, wet: AudioBuffer, mix: float) -> AudioBuffer:
    """Mix linearly; at either end, one of the two passes bit for bit."""
    return dry.with_samples(_mix_wet(dry.samples, wet.samples, mix))


def apply_block_effect(effect: BlockEffect, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
    """Return what a block effect makes of a whole sound, as long as that and in time with it."""
    sound = audio.format
    dry = _append_latency(effect, sound, split_blocks(audio.samples))
    clock = _AutomationClock(ctx.grid, sound.sample_rate_hz)
    return _concatenate_blocks(
        audio, _process_wet(effect.sync_rates(ctx.grid), sound, ctx, dry, clock)
    )


def apply_branches(
    effect: BranchedEffect, audio: AudioBuffer, ctx: Context, *, loop: bool
) -> AudioBuffer:
    """Return the sum of what an effect's branches make of a whole sound."""
    processed = []
    for number, branch in enumerate(effect.branches):
        after = [audio]
        contexts = _make_branch_contexts(ctx, number)
        after += [wet for _, wet in process_whole(branch, audio, contexts, loop=loop, tail=False)]
        processed.append(after[-1].samples)
    return audio.with_samples(_sum(processed, effect.gains))


def apply_blocks(
    effect: Effect,
    sound: AudioFormat,
    ctx: Context,
    dry: Blocks,
    *,
    live_control: LiveControl | None = None,
) -> Blocks:
    """Yield what `apply_effect` returns of a sound that is no loop, block by block.

    A block effect holds no more than its latency in memory; any other takes the whole sound.

    Args:
        effect: What to apply.
        sound: What is coming.
        ctx: As for `apply`.
        dry: The sound, in pieces of any size.
        live_control: What is turned by hand of a block effect.
    """
    effect = effect.sync_rates(ctx.grid)
    if is_dry(effect):
        yield from dry
        return
    if not isinstance(effect, BlockEffect | BranchedEffect):
        whole = np.concatenate([np.zeros((sound.channels, 0), np.float32), *dry], axis=1)
        audio = AudioBuffer(whole, sound.sample_rate_hz)
        yield from split_blocks(apply_effect(effect, audio, ctx, loop=False).samples)
        return
    clock = _AutomationClock(ctx.grid, sound.sample_rate_hz)
    dry_input, kept = tee(dry)
    if isinstance(effect, BranchedEffect):
        wet = _process_branches(effect, sound, ctx, dry_input)
    else:
        wet = _process_wet(
            effect,
            sound,
            ctx,
            _append_latency(effect, sound, dry_input),
            clock,
            live_control=live_control,
        )
    frame = 0
    for dry_block, wet_block in zip(rechunk(kept, BLOCK), rechunk(wet, BLOCK), strict=True):
        if not np.isfinite(wet_block).all():
            raise RenderError("it gave samples that are not numbers")
        frames = dry_block.shape[1]
        yield _mix_wet(dry_block, wet_block, clock.weights(effect, frame, frames))
        frame += frames


@dataclass(frozen=True)
class _Stage:
    """One effect of several, the format of its input, and its context."""

    name: str
    effect: Effect
    sound: AudioFormat
    ctx: Context


class _StagePlan:
    """How long a sound is, and where its beats fall, before and after each of several effects.

    Each length is that of the dry sound at the speed so far, and not of the one before, so that
    the roundings of speeds that cancel do not add up.

    Attributes:
        stages: Each effect with the format of its input.
        silence: How many frames to append to the dry sound, for the tails.
        piece: What the sound becomes, its tail not counted.
    """

    def __init__(
        self,
        effects: Sequence[Effect],
        sound: AudioFormat,
        contexts: Contexts,
        *,
        tail: bool,
        within: str = "effects",
    ) -> None:
        self.silence = math.ceil(compute_tail_s(effects) * sound.sample_rate_hz) if tail else 0
        self.stages: list[_Stage] = []
        done: list[Effect] = []
        frames = [sound.frames + self.silence]
        for name, effect in name_stages(effects, within):
            ctx = contexts(name)
            grid = ctx.grid.change_speed(compute_speed(done))
            done.append(effect)
            stage_input = replace(sound, length_frames=frames[-1])
            frames.append(_scale_frames(frames[0], compute_speed(done)))
            ctx = replace(ctx, grid=grid, frames=frames[-1])
            self.stages.append(_Stage(name, effect, stage_input, ctx))
        self.piece = replace(sound, length_frames=_scale_frames(sound.frames, compute_speed(done)))


class _AutomationClock:
    """What time it is at each frame of an effect's input.

    Args:
        grid: Where the beats fall in the sound.
        rate_hz: Frames a second.
        before: How many frames of a loop's end are processed before its first frame.
        period: How many frames the loop has; 0 for what is none.
    """

    def __init__(self, grid: BeatGrid, rate_hz: int, before: int = 0, period: int = 0) -> None:
        self._grid = grid
        self._rate_hz = rate_hz
        self._before = before
        self._period = period

    def effect_at(self, effect: Effect, frame: int) -> Effect:
        """Return an effect as it is at a frame."""
        frame -= self._before
        if self._period:
            frame %= self._period
        return effect.freeze_at(frame / self._rate_hz, self._grid)

    def weights(self, effect: Effect, first: int, frames: int) -> np.ndarray | float:
        """Return the mix of the wet sound from a frame on: one number, or one for each frame."""
        curve = effect.curves.get("mix")
        if curve is None:
            return effect.mix
        times_s = np.arange(first, first + frames) / self._rate_hz
        return curve.values(times_s, self._grid).astype(np.float32)


def _process_wet(
    effect: BlockEffect,
    sound: AudioFormat,
    ctx: Context,
    dry: Blocks,
    clock: _AutomationClock,
    *,
    live_control: LiveControl | None = None,
) -> Blocks:
    """Yield an effect's sound, its latency taken off the beginning.

    Args:
        effect: With its rates in step with the beat.
        sound: The format of its input.
        ctx: Its context.
        dry: The sound, and behind it as many frames as the effect is late.
        clock: What time it is.
        live_control: What is turned by hand of it.
    """
    late = effect.latency_frames(sound)
    process = effect.start(sound, ctx)
    moves = bool(effect.curves)
    frame, skip = -late, late
    for block in rechunk(dry, CONTROL if moves else BLOCK):
        now = clock.effect_at(effect, max(frame, 0)) if moves else effect
        wet = live_control(block, now, process) if live_control else process(block, now)
        if wet.shape != block.shape:
            raise RenderError(f"it gave a block of {wet.shape} for one of {block.shape}")
        yield wet[:, skip:].astype(np.float32, copy=False)
        skip = max(0, skip - block.shape[1])
        frame += block.shape[1]


def _append_latency(effect: BlockEffect, sound: AudioFormat, dry: Blocks) -> Blocks:
    """Yield a sound, and silence for as long as an effect is late."""
    return chain(dry, [np.zeros((sound.channels, effect.latency_frames(sound)), np.float32)])


def _process_loop_blocks(effect: BlockEffect, dry: AudioBuffer, ctx: Context) -> AudioBuffer:
    """Return what a block effect makes of a loop that has been repeating for some time."""
    memory, before = _compute_loop_margins(effect, dry.sample_rate_hz)
    late = effect.latency_frames(replace(dry.format, length_frames=before + dry.frames + memory))
    if before and effect.curves:  # a block begins where the loop does
        before += -(before + late) % CONTROL
    sound = replace(dry.format, length_frames=before + dry.frames + memory)
    looped = np.pad(dry.samples, ((0, 0), (before, late)), mode="wrap")
    clock = _AutomationClock(ctx.grid, dry.sample_rate_hz, before, dry.frames)
    shifted = replace(_shift_beats(ctx, before / dry.sample_rate_hz), loop_s=dry.duration_s)
    wet = _process_wet(effect, sound, shifted, split_blocks(looped), clock)
    return dry.with_samples(_concatenate_blocks(dry, wet).samples[:, before:])


def _apply_to_whole(effect: Effect, dry: AudioBuffer, ctx: Context, *, loop: bool) -> AudioBuffer:
    """Return what any other effect makes of a whole sound."""
    after, before = _compute_loop_margins(effect, dry.sample_rate_hz) if loop else (0, 0)
    looped = dry.with_samples(np.pad(dry.samples, ((0, 0), (before, after)), mode="wrap")
                             if before or after else dry.samples)  # fmt: skip
    same_speed = get_speed(effect) == 1.0
    frames = looped.frames if same_speed else effect.frames_after(looped, ctx)
    shifted = replace(
        _shift_beats(ctx, before / dry.sample_rate_hz),
        frames=frames,
        loop=loop and not before and not after,
        loop_s=dry.duration_s if loop else None,
    )
    wet = effect.apply(looped, shifted)
    shape, rate_hz = wet.samples.shape, wet.sample_rate_hz
    if (shape, rate_hz) != ((looped.channels, frames), looped.sample_rate_hz):
        raise RenderError(
            f"it gave {shape} at {rate_hz} Hz for {looped.samples.shape} at "
            f"{looped.sample_rate_hz} Hz"
        )
    end = before + dry.frames if same_speed else frames
    return wet.with_samples(wet.samples[:, before:end])


def _compute_loop_margins(effect: Effect, rate_hz: int) -> tuple[int, int]:
    """Return how many frames of a loop an effect is given after it and before it."""
    if get_speed(effect) != 1.0:
        return 0, 0
    memory_s = effect.memory_s
    longest_s = max(memory_s, get_tail_s(effect))
    return round(memory_s * rate_hz), round(longest_s * rate_hz)


def _shift_beats(ctx: Context, seconds: float) -> Context:
    """Return a context whose beats fall later."""
    return replace(ctx, grid=ctx.grid.shift(seconds))


def _process_branches(
    effect: BranchedEffect, sound: AudioFormat, ctx: Context, dry: Blocks
) -> Blocks:
    """Yield the sum of an effect's branches."""
    equal = []
    for number, branch_input in enumerate(tee(dry, len(effect.branches))):
        contexts = _make_branch_contexts(ctx, number)
        _, wet = process_stream(effect.branches[number], sound, contexts, branch_input, tail=False)
        equal.append(rechunk(wet, BLOCK))
    for blocks in zip(*equal, strict=True):
        yield _sum(blocks, effect.gains)


def _make_branch_contexts(ctx: Context, branch: int) -> Contexts:
    """Return the contexts of the stages of a branch."""
    return lambda name: replace(ctx, rng=rng_for_part(ctx.rng, f"branches.{branch}.{name}"))


def _sum(samples: Sequence[np.ndarray], gains: Sequence[float]) -> np.ndarray:
    total = samples[0] * np.float32(gains[0])
    for part, gain in zip(samples[1:], gains[1:], strict=True):
        total += part * np.float32(gain)
    return total


def _trim_tail(blocks: Blocks, frames: int) -> Blocks:
    """Yield a sound of so many frames, and its tail to where it falls silent for good."""
    left = frames
    waiting: list[np.ndarray] = []
    for block in blocks:
        if left:
            yield block[:, :left]
        tail = block[:, left:]
        left = max(0, left - block.shape[1])
        loud = np.flatnonzero(np.abs(tail).max(axis=0) >= 10.0 ** (SILENT_DBFS / 20.0))
        if len(loud):
            yield from waiting
            yield tail[:, : loud[-1] + 1]
            tail, waiting = tail[:, loud[-1] + 1 :], []
        if tail.shape[1]:
            waiting.append(tail)


def _locate_block_errors(name: str, blocks: Blocks) -> Blocks:
    with locate_errors(name):
        yield from blocks


def _concatenate_blocks(like: AudioBuffer, pieces: Iterable[np.ndarray]) -> AudioBuffer:
    return like.with_samples(np.concatenate([like.samples[:, :0], *pieces], axis=1))


def _scale_frames(frames: int, speed: float) -> int:
    return round(frames / speed)


def _weights(effect: Effect, dry: AudioBuffer, grid: BeatGrid) -> np.ndarray | float:
    return _AutomationClock(grid, dry.sample_rate_hz).weights(effect, 0, dry.frames)


def _mix_wet(dry: np.ndarray, wet: np.ndarray, mix: np.ndarray | float) -> np.ndarray:
    if isinstance(mix, float) and mix in (0.0, 1.0):
        return wet if mix else dry
    weight = np.float32(mix) if isinstance(mix, float) else mix
    return (1 - weight) * dry + weight * wet
