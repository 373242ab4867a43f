"""`vinyl-rumble`: the turntable's bearing, heard through the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

    from lofigen_kit.api.dsp import Texture

_LOWEST_HZ, _HIGHEST_HZ, _ORDER = 12.0, 38.0, 3
_COMMON = 0.75
"""The share of the power that is alike in all channels: the bearing shakes mostly sideways."""


class VinylRumble(BlockEffect):
    """Adds a low rumble, that of a turntable, mostly below 40 Hz.

    It comes round with the sound: over a loop's seam it goes on.

    Attributes:
        level_dbfs: Its RMS level; full scale is an RMS of 1.
    """

    use: Literal["vinyl-rumble"] = "vinyl-rumble"
    level_dbfs: float = Field(default=-50.0, ge=-120, le=-12)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return what lays rumble under a sound."""
        from lofigen_kit.api.dsp import CircularTexture, NoiseBand, SmoothedValue

        endless = NoiseBand(
            _LOWEST_HZ,
            _HIGHEST_HZ,
            _ORDER,
            channels=sound.channels,
            rate_hz=sound.sample_rate_hz,
            rng=ctx.rng,
            common=_COMMON,
        )
        rumble: Texture = endless
        if not sound.endless:
            rumble = CircularTexture(endless, sound.frames, fade=sound.sample_rate_hz)
        level_db = SmoothedValue()

        def process(block: np.ndarray, now: VinylRumble) -> np.ndarray:
            count = block.shape[1]
            return block + rumble(count) * 10.0 ** (level_db(now.level_dbfs, count) / 20.0)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the rumble."""
    return [VinylRumble]
