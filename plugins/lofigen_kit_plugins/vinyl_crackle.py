"""`vinyl-crackle`: dust and scratches on a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class VinylCrackle(BlockEffect):
    """Adds crackles, and a few pops, each with its own size, frequency and pan.

    They come at random, independently of each other.

    Attributes:
        rate_hz: Mean number of crackles per second.
        pop_rate_hz: Mean number of pops per second; pops are lower, longer and louder.
        level_dbfs: Peak of a crackle of median size.
    """

    use: Literal["vinyl-crackle"] = "vinyl-crackle"
    rate_hz: float = Field(default=8.0, ge=0, le=100)
    pop_rate_hz: float = Field(default=0.15, ge=0, le=5)
    level_dbfs: float = Field(default=-34.0, ge=-80, le=-12)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, which adds crackle to each block."""
        from lofigen_kit.api.dsp import Crackle, SmoothedValue

        crackle = Crackle(sound.channels, sound.sample_rate_hz, ctx.rng)
        level_db = SmoothedValue()
        frames_left = sound.length_frames

        def process(block: np.ndarray, now: VinylCrackle) -> np.ndarray:
            nonlocal frames_left
            count = block.shape[1]
            noise = crackle(
                count, rate_hz=now.rate_hz, pop_rate_hz=now.pop_rate_hz, frames_left=frames_left
            )
            if frames_left is not None:
                frames_left -= count
            return block + noise * 10.0 ** (level_db(now.level_dbfs, count) / 20.0)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the crackle."""
    return [VinylCrackle]
