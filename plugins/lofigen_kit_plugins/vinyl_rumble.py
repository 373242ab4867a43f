"""`vinyl-rumble`: the rumble of a turntable's bearing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api.dsp import Texture

_LOW_HZ, _HIGH_HZ, _ORDER = 12.0, 38.0, 3
_COMMON = 0.75
"""Share of the power that is the same in all channels: the bearing moves mostly sideways."""


class VinylRumble(BlockEffect):
    """Adds the low rumble of a turntable, mostly below 40 Hz.

    In a loop it continues over the seam.

    Attributes:
        level_dbfs: RMS level; full scale is an RMS of 1.
    """

    use: Literal["vinyl-rumble"] = "vinyl-rumble"
    level_dbfs: float = Field(default=-50.0, ge=-120, le=-12)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, which adds rumble to each block."""
        from lofigen_kit.api.dsp import CircularTexture, NoiseBand, SmoothedValue

        noise = NoiseBand(
            _LOW_HZ,
            _HIGH_HZ,
            _ORDER,
            channels=sound.channels,
            rate_hz=sound.sample_rate_hz,
            rng=ctx.rng,
            common=_COMMON,
        )
        rumble: Texture = noise
        if not sound.endless:
            rumble = CircularTexture(noise, sound.frames, fade=sound.sample_rate_hz)
        level_db = SmoothedValue()

        def process(block: np.ndarray, now: VinylRumble) -> np.ndarray:
            count = block.shape[1]
            return block + rumble(count) * 10.0 ** (level_db(now.level_dbfs, count) / 20.0)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the rumble."""
    return [VinylRumble]
