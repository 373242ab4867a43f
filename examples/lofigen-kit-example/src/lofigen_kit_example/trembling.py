"""`trembling`: a level that rises and falls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Trembling(BlockEffect):
    """Lowers and raises the level smoothly, time and again.

    Attributes:
        rate_hz: How often the level comes round; in a preset also `1/4`, in step with the beat.
        depth_db: How far down it goes.
    """

    use: Literal["trembling"] = "trembling"
    rate_hz: float = Field(default=4.0, ge=0.01, le=20)
    depth_db: float = Field(default=6.0, ge=0, le=60)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return what goes through the sound block by block, and holds its place between them."""
        import numpy as np

        turns = 0.0

        def process(block: np.ndarray, now: Trembling) -> np.ndarray:
            nonlocal turns
            a_frame = now.rate_hz / sound.sample_rate_hz
            frames = block.shape[1]
            dip = 0.5 - 0.5 * np.cos(2.0 * math.pi * (turns + a_frame * np.arange(frames)))
            turns = (turns + a_frame * frames) % 1.0
            gain = 10.0 ** (-now.depth_db * dip / 20.0)
            return np.asarray(block * gain, dtype=np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the effect."""
    return [Trembling]
