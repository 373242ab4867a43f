"""`noise-gate`: silence between the notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np


class NoiseGate(BlockEffect):
    """Reduces levels below a threshold, with the same gain for all channels.

    The detector follows the loudest channel, so the stereo image does not move.

    Attributes:
        threshold_db: The peak level in dBFS below which it reduces.
        ratio: Decibels of output per decibel of input, below the threshold.
        attack_ms: Attack time: how fast it opens.
        release_ms: Release time: how fast it closes.
    """

    use: Literal["noise-gate"] = "noise-gate"
    memory_s: ClassVar[float] = 1.0
    threshold_db: float = Field(default=-50.0, ge=-100, le=0)
    ratio: float = Field(default=10.0, ge=1, le=20)
    attack_ms: float = Field(default=1.0, ge=0.1, le=500)
    release_ms: float = Field(default=100.0, ge=5, le=2000)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the gate, closed."""
        import pedalboard

        from lofigen_kit.api.dsp import LinkedGain

        gate = pedalboard.NoiseGate()
        apply_gain = LinkedGain(gate, sound)

        def process(block: np.ndarray, now: NoiseGate) -> np.ndarray:
            gate.threshold_db, gate.ratio = now.threshold_db, now.ratio
            gate.attack_ms, gate.release_ms = now.attack_ms, now.release_ms
            return apply_gain(block)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the gate."""
    return [NoiseGate]
