"""What effects ask for, known before they run: how long a sound becomes, memory and work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lofigen_kit.components.contracts import Effect
from lofigen_kit.effects.effect import (
    BranchedEffect,
    compute_tail_s,
    get_speed,
    get_tail_s,
    is_dry,
)

SOUNDS_AT_ONCE = 3
"""What an effect holds: what goes in, what comes out, and what it works with."""
LEAST_S = 1.0
"""Of sound that each effect costs at least, to be set up."""


@dataclass(frozen=True)
class Cost:
    """What effects ask for.

    Attributes:
        longest_s: How long the sound is where it is the longest, its tail counted.
        sounds: How many sounds of that length are in memory at once.
        work_s: The seconds of sound that all effects together go through.
    """

    longest_s: float
    sounds: int
    work_s: float


def estimate_cost(effects: Iterable[Effect], duration_s: float, *, tail: bool = True) -> Cost:
    """Return what effects, one after another, ask for at most.

    Args:
        effects: The effects.
        duration_s: How long the sound is that goes in.
        tail: Whether they sound on after its end.
    """
    effects = [effect for effect in effects if not is_dry(effect)]
    length_s = duration_s + (compute_tail_s(effects) if tail else 0.0)
    longest_s, sounds, work_s = length_s, 1, 0.0
    for effect in effects:
        length_s /= get_speed(effect)
        longest_s = max(longest_s, length_s)
        # A loop is longer meanwhile, by what the effect remembers.
        heard_s = max(length_s, LEAST_S) + effect.memory_s + get_tail_s(effect)
        held = SOUNDS_AT_ONCE
        if isinstance(effect, BranchedEffect):
            costs = [estimate_cost(branch, heard_s, tail=False) for branch in effect.branches]
            work_s += sum(cost.work_s for cost in costs)
            held += len(costs) + max(cost.sounds for cost in costs)
        work_s += heard_s
        sounds = max(sounds, held)
    return Cost(longest_s, sounds, work_s)
