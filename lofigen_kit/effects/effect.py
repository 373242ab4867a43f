"""Effects that go through a sound in blocks, and effects that are made of others."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from lofigen_kit.audio.buffer import AudioBuffer, AudioFormat
from lofigen_kit.components.base import Context
from lofigen_kit.components.contracts import Effect
from lofigen_kit.components.nested import AnyOf
from lofigen_kit.errors import PresetError

if TYPE_CHECKING:
    import numpy as np

ANY_EFFECT_SCHEMA = {"type": "object", "title": "Any effect", "required": ["use"]}
"""What stands for the schema of all effects within one of them."""

MAX_SPEED = 1000.0
"""How much faster, or slower, effects together may make a piece."""

Process = Callable[["np.ndarray", Any], "np.ndarray"]
"""From a block [shape=(channels, frames), dtype=float32] and the effect as it is at its start to
the processed block."""


@dataclass(frozen=True)
class LiveParameter:
    """A number of an effect that can be turned by hand while the effect plays.

    Attributes:
        parameter: The number's name; it has both bounds.
        control: What the control is called. Where several effects of a preset have a control of
            the same name, it turns the first one's.
        step: What one step adds.
        step_ratio: What one step multiplies by.
    """

    parameter: str
    control: str
    step: float = 0.0
    step_ratio: float = 1.0


class BlockEffect(Effect):
    """An effect that goes through a sound block by block, and so through hours in little memory.

    The runner decides on the blocks; all of a sound's are equally long, but for the last.

    Attributes:
        live_parameters: What `lofigen-kit play` can turn of it, as if automation moved it. Its
            keys turn the controls `drive` and `cutoff`.
    """

    takes_curves = True
    live_parameters: ClassVar[tuple[LiveParameter, ...]] = ()

    def latency_frames(self, sound: AudioFormat) -> int:  # noqa: ARG002 - others need it
        """Return how many frames later the sound comes out than it goes in.

        The runner takes them off again: so an effect hears a little ahead.
        """
        return 0

    @abstractmethod
    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return what turns one block after another into as long a block of sound.

        It holds what it has to remember from one block to the next; its parameters it reads from
        the second argument, this effect as it is at that block, since automation moves them.
        """

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the whole sound, processed in blocks."""
        from lofigen_kit.effects.rack import apply_block_effect

        return apply_block_effect(self, audio, ctx)


AnyEffect = Annotated[Effect, AnyOf(Effect, ANY_EFFECT_SCHEMA)]
"""A field of an effect that may be any effect, told apart by `use`."""


class BranchedEffect(Effect):
    """An effect that is made of others: each of its branches hears the same sound.

    The runner lets a sound through all branches block by block where their effects do so, and
    takes off each one's latency, so that they stay in time with each other.

    Attributes:
        branches: Effects one after another in each; an empty branch is the dry sound.
        levels_db: How loud each branch is in the sum; left out, each is as loud as it is.
    """

    branches: tuple[Annotated[tuple[AnyEffect, ...], Field(max_length=64)], ...] = Field(
        default=((),), max_length=8
    )
    levels_db: tuple[Annotated[float, Field(ge=-60, le=12)], ...] = ()

    @property
    def tail_s(self) -> float:
        """As long as the branch that sounds on the longest."""
        return max(compute_tail_s(branch) for branch in self.branches)

    @property
    def gains(self) -> tuple[float, ...]:
        """The amplitude of each branch."""
        levels = self.levels_db or (0.0,) * len(self.branches)
        return tuple(10.0 ** (level / 20.0) for level in levels)

    @model_validator(mode="after")
    def _check_branches(self) -> Self:
        if not self.branches:
            raise ValueError("without branches nothing is heard: `branches: [[]]` has a dry one")
        if len(self.levels_db) not in (0, len(self.branches)):
            raise ValueError(
                f"{len(self.branches)} branches have {len(self.levels_db)} levels: give one to each"
            )
        for number, branch in enumerate(self.branches):
            if compute_speed(branch) != 1.0:
                raise ValueError(f"branch {number} changes the tempo, which the others keep")
        return self

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sum of the branches."""
        from lofigen_kit.effects.rack import apply_branches

        return apply_branches(self, audio, ctx, loop=ctx.loop)


def compute_speed(effects: Iterable[Effect]) -> float:
    """Return how fast a piece goes by after effects; those that cancel give 1 exactly.

    Raises:
        PresetError: if that is no speed at which anything could be heard.
    """
    speed = math.prod(get_speed(effect) for effect in effects)
    if not 1.0 / MAX_SPEED <= speed <= MAX_SPEED:
        raise PresetError(
            f"the effects make it {speed:.3g} times as fast: the limit is {MAX_SPEED:g} times "
            "faster or slower",
            where="effects",
            remedy="use fewer effects that change the tempo",
        )
    return round(speed, 12)


def compute_transposition(effects: Iterable[Effect]) -> float:
    """Return how many semitones higher a piece sounds after effects."""
    return round(sum(effect.transposition for effect in effects if effect.mix), 12)


def compute_tail_s(effects: Iterable[Effect]) -> float:
    """Return how long effects sound on at most, in seconds of the dry sound."""
    total_s, speed = 0.0, 1.0
    for effect in effects:
        total_s += speed * get_tail_s(effect)
        speed *= get_speed(effect)
    return total_s


def get_speed(effect: Effect) -> float:
    """Return how fast a piece goes by after an effect; one at mix 0 changes nothing."""
    return effect.speed if effect.mix else 1.0


def is_dry(effect: Effect) -> bool:
    """Return whether the dry sound passes an effect bit for bit, from beginning to end."""
    return effect.mix == 0.0 and "mix" not in effect.curves


def get_tail_s(effect: Effect) -> float:
    """Return how long an effect sounds on at most, wherever its parameters move."""
    return 0.0 if is_dry(effect) else max(one.tail_s for one in effect.extremes())
