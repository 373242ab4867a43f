"""`head-bump`: the bass that a tape head as large as a wave adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_Q = 1.2


class HeadBump(BlockEffect):
    """Raises the bass around one frequency, as a playback head does with waves of its own size.

    Attributes:
        bump_hz: The middle of the bump; a faster tape has it higher.
        bump_db: How high it is there.
    """

    use: Literal["head-bump"] = "head-bump"
    memory_s: ClassVar[float] = 0.2
    bump_hz: float = Field(default=80.0, ge=40, le=150)
    bump_db: float = Field(default=2.5, ge=0, le=6)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the resonance, at rest."""
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
