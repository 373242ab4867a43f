"""`head-bump`: the bass that a tape head as large as a wave adds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import BlockEffect, Context, Effect, Field, Process, Sound, hookimpl

if TYPE_CHECKING:
    import numpy as np

_Q = 1.2


class HeadBump(BlockEffect):
    """Raises the bass around one frequency, as a playback head does with waves of its own size.

    Attributes:
        bump_hz: The middle of the bump; a faster tape has it higher.
        bump_db: How high it is there.
    """

    use: Literal["head-bump"] = "head-bump"
    memory_s: ClassVar[float] = 0.2
    bump_hz: float = Field(default=80.0, ge=40, le=150)
    bump_db: float = Field(default=2.5, ge=0, le=6)

    def start(self, sound: Sound, ctx: Context) -> Process:
        """Return the resonance, at rest."""
        from lofigen_kit.dsp.filters import Sections

        resonance = Sections(sound.channels)

        def process(block: np.ndarray, now: HeadBump) -> np.ndarray:
            return resonance(block, _peak(now, sound.sample_rate_hz))

        return process


def _peak(head: HeadBump, rate_hz: int) -> np.ndarray:
    """Return a peaking section, after Bristow-Johnson's cookbook [shape=(1, 6)]."""
    import numpy as np

    turn = 2.0 * math.pi * head.bump_hz / rate_hz
    alpha = math.sin(turn) / (2.0 * _Q)
    root = 10.0 ** (head.bump_db / 40.0)
    middle = -2.0 * math.cos(turn)
    zeros = 1 + alpha * root, middle, 1 - alpha * root
    poles = 1 + alpha / root, middle, 1 - alpha / root
    return np.asarray(np.array([[*zeros, *poles]]) / poles[0])


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the head bump."""
    return [HeadBump]
