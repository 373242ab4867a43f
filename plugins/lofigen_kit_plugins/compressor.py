"""`compressor`: dynamic range compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class Compressor(BlockEffect):
    """Reduces levels above a threshold, with the same gain for all channels and no make-up gain.

    The detector follows the loudest channel at each sample, so the stereo image does not move when
    only one side is loud.

    Attributes:
        threshold_db: The peak level in dBFS above which it reduces.
        ratio: Decibels of input per decibel of output, above the threshold.
        attack_ms: Attack time: how fast it reduces.
        release_ms: Release time: how fast it recovers.
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
        apply_gain = LinkedGain(compressor, sound)

        def process(block: np.ndarray, now: Compressor) -> np.ndarray:
            for name in ("threshold_db", "ratio", "attack_ms", "release_ms"):
                setattr(compressor, name, getattr(now, name))
            return apply_gain(block)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the compressor."""
    return [Compressor]
