"""`trembling`: a level that rises and falls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Trembling(BlockEffect):
    """Lowers and raises the level periodically (tremolo).

    Attributes:
        rate_hz: Rate of the modulation; in a preset also `1/4`, in time with the beat.
        depth_db: The greatest reduction.
    """

    use: Literal["trembling"] = "trembling"
    rate_hz: float = Field(default=4.0, ge=0.01, le=20)
    depth_db: float = Field(default=6.0, ge=0, le=60)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the function that processes the sound block by block, and keeps the phase."""
        import numpy as np

        phase = 0.0

        def process(block: np.ndarray, now: Trembling) -> np.ndarray:
            nonlocal phase
            step = now.rate_hz / sound.sample_rate_hz
            frames = block.shape[1]
            dip = 0.5 - 0.5 * np.cos(2.0 * math.pi * (phase + step * np.arange(frames)))
            phase = (phase + step * frames) % 1.0
            gain = 10.0 ** (-now.depth_db * dip / 20.0)
            return np.asarray(block * gain, dtype=np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the effect."""
    return [Trembling]
