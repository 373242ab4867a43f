"""`head-bump`: the bass resonance of a playback head."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_Q = 1.2


class HeadBump(BlockEffect):
    """Boosts the bass around one frequency, as a playback head does at wavelengths of its size.

    Attributes:
        bump_hz: Centre of the boost; it is higher at a higher tape speed.
        bump_db: Gain at the centre.
    """

    use: Literal["head-bump"] = "head-bump"
    memory_s: ClassVar[float] = 0.2
    bump_hz: float = Field(default=80.0, ge=40, le=150)
    bump_db: float = Field(default=2.5, ge=0, le=6)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the filter, at rest."""
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade, peak

        resonance = BiquadCascade(sound.channels)

        def process(block: np.ndarray, now: HeadBump) -> np.ndarray:
            bump = peak(now.bump_hz, now.bump_db, _Q, sound.sample_rate_hz)
            return resonance(block, np.array([bump]))

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the head bump."""
    return [HeadBump]
