"""`gain`: louder or quieter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Gain(BlockEffect):
    """Changes the level of the sound.

    Attributes:
        gain_db: The gain; at 0 the sound passes bit for bit.
    """

    use: Literal["gain"] = "gain"
    gain_db: float = Field(default=0.0, ge=-60, le=24)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor."""
        import numpy as np

        from lofigen_kit.api.dsp import SmoothedValue, db_to_gain

        gain = SmoothedValue()

        def process(block: np.ndarray, now: Gain) -> np.ndarray:
            return np.asarray(block * gain(db_to_gain(now.gain_db), block.shape[1]), np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the gain."""
    return [Gain]
