"""`compressor`: glue."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Compressor(BlockEffect):
    """Turns down what is louder than a threshold, all channels alike; no make-up gain.

    The detector follows the loudest channel, sample by sample, so that the stereo image holds
    still where one side alone is loud.

    Attributes:
        threshold_db: The peak level in dBFS above which it works.
        ratio: How many decibels in give one decibel out, above the threshold.
        attack_ms: How fast it turns down.
        release_ms: How fast it comes back.
    """

    use: Literal["compressor"] = "compressor"
    memory_s: ClassVar[float] = 1.0
    threshold_db: float = Field(default=-18.0, ge=-60, le=0)
    ratio: float = Field(default=2.0, ge=1, le=20)
    attack_ms: float = Field(default=10.0, ge=0.1, le=500)
    release_ms: float = Field(default=120.0, ge=5, le=2000)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the compressor, at rest."""
        import pedalboard

        from lofigen_kit.api.dsp import LinkedGain

        compressor = pedalboard.Compressor()
        turn = LinkedGain(compressor, sound)

        def process(block: np.ndarray, now: Compressor) -> np.ndarray:
            for name in ("threshold_db", "ratio", "attack_ms", "release_ms"):
                setattr(compressor, name, getattr(now, name))
            return turn(block)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the compressor."""
    return [Compressor]
