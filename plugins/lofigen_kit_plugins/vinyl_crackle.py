"""`vinyl-crackle`: dust and scratches in a groove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class VinylCrackle(BlockEffect):
    """Adds crackles, and now and then a pop, each of its own size, colour and side.

    They come at random, independently of each other.

    Attributes:
        rate_hz: How many crackles there are in a second, on average.
        pop_rate_hz: How many pops, which are lower, longer and louder.
        level_dbfs: The peak of a crackle of middling size.
    """

    use: Literal["vinyl-crackle"] = "vinyl-crackle"
    rate_hz: float = Field(default=8.0, ge=0, le=100)
    pop_rate_hz: float = Field(default=0.15, ge=0, le=5)
    level_dbfs: float = Field(default=-34.0, ge=-80, le=-12)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return what lays crackle over a sound."""
        from lofigen_kit.api.dsp import Crackle, SmoothedValue

        crackle = Crackle(sound.channels, sound.sample_rate_hz, ctx.rng)
        level_db = SmoothedValue()
        left = sound.length_frames

        def process(block: np.ndarray, now: VinylCrackle) -> np.ndarray:
            nonlocal left
            count = block.shape[1]
            noise = crackle(count, rate_hz=now.rate_hz, pop_rate_hz=now.pop_rate_hz, room=left)
            if left is not None:
                left -= count
            return block + noise * 10.0 ** (level_db(now.level_dbfs, count) / 20.0)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the crackle."""
    return [VinylCrackle]
