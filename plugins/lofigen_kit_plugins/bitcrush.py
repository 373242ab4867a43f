"""`bitcrush`: a converter with few bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_SILENCE = 1e-6


class Bitcrush(BlockEffect):
    """Rounds the sound to a few levels, as an old sampler's converter does.

    The levels are symmetric around zero without including it (mid-rise), and full scale is clipped
    to the outermost level. A sample below -120 dBFS becomes 0: so an inaudible tail does not turn
    into a buzz at the innermost level.

    Attributes:
        bits: Number of bits; there are 2 to the power of it levels.
        dither: Add triangular noise of two steps peak to peak before rounding, which turns
            distortion into hiss.
    """

    use: Literal["bitcrush"] = "bitcrush"
    bits: int = Field(default=12, ge=2, le=16)
    dither: bool = False

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor."""
        import numpy as np

        def process(block: np.ndarray, now: Bitcrush) -> np.ndarray:
            levels_per_unit = np.float32(2 ** (now.bits - 1))
            steps = np.where(np.abs(block) < _SILENCE, 0, block) * levels_per_unit
            if now.dither:
                steps += ctx.rng.random(block.shape, np.float32)
                steps -= ctx.rng.random(block.shape, np.float32)
            levels = np.minimum(np.floor(np.abs(steps)) + np.float32(0.5), levels_per_unit - 0.5)
            return np.asarray(np.sign(steps) * levels / levels_per_unit, np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the bit crusher."""
    return [Bitcrush]
