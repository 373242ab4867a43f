"""`phaser`: notches that wander through the sound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import BlockEffect, Context, Effect, Field, Process, Sound, hookimpl

if TYPE_CHECKING:
    import numpy as np

_STAGES = 6
_LOWEST_HZ = 20.0
_RANGE = 1000.0  # from there to 20 kHz, all of which the full depth goes through


class Phaser(BlockEffect):
    """Lets three notches wander up and down, by six all-pass filters beside the sound.

    In a loop the rate is moved so that they come round a whole number of times.

    Attributes:
        rate_hz: How often they wander up and down.
        depth_pct: How far.
        centre_hz: Around where.
        feedback_pct: How much goes round again, which makes what lies between them stand out.
    """

    use: Literal["phaser"] = "phaser"
    rate_hz: float = Field(default=0.3, ge=0.05, le=8)
    depth_pct: float = Field(default=50.0, ge=0, le=100)
    centre_hz: float = Field(default=800.0, ge=100, le=5000)
    feedback_pct: float = Field(default=20.0, ge=0, le=90)

    @property
    def tail_s(self) -> float:
        """How long the feedback rings, 80 dB down, where the filters are lowest and slowest."""
        from lofigen_kit.dsp.filters import ring_s

        passes = 1.0
        if self.feedback_pct:
            passes += math.log(1e-4) / math.log(self.feedback_pct / 100.0)
        reach = math.pow(_RANGE, self.depth_pct / 200.0)
        lowest_hz = max(self.centre_hz / reach, _LOWEST_HZ)
        return passes * _STAGES / (math.pi * lowest_hz) + ring_s(lowest_hz, 0.5)

    def start(self, sound: Sound, ctx: Context) -> Process:
        """Return the filters, at rest."""
        import pedalboard

        from lofigen_kit.dsp.board import Board
        from lofigen_kit.dsp.motion import in_step

        phaser = pedalboard.Phaser(mix=0.5)
        board = Board([phaser], sound)

        def process(block: np.ndarray, now: Phaser) -> np.ndarray:
            phaser.rate_hz = in_step(now.rate_hz, ctx.loop_s)
            phaser.depth = now.depth_pct / 100.0
            phaser.centre_frequency_hz = now.centre_hz
            phaser.feedback = now.feedback_pct / 100.0
            return board(block)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the phaser."""
    return [Phaser]
