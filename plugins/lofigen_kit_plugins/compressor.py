"""`compressor`: glue."""

from __future__ import annotations

from typing import ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl

_QUIETEST = 1e-9


class Compressor(Effect):
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

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the compressed sound."""
        import numpy as np
        import pedalboard

        from lofigen_kit.dsp.board import run_board

        compressor = pedalboard.Compressor(
            self.threshold_db, self.ratio, self.attack_ms, self.release_ms
        )
        # pedalboard compresses each channel by itself; run on the level, it tells the gain.
        level = np.maximum(np.abs(audio.samples).max(axis=0, keepdims=True), _QUIETEST)
        gain = run_board([compressor], audio.with_samples(level)).samples / level
        return audio.with_samples(audio.samples * gain)


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the compressor."""
    return [Compressor]
