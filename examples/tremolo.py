from typing import Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl


class Tremolo(Effect):
    """Lowers and raises the level in time with the beat.

    Attributes:
        depth_db: The greatest reduction.
        period_beats: Length of one cycle in beats.
    """

    use: Literal["tremolo"] = "tremolo"
    depth_db: float = Field(default=4.0, ge=0, le=24)
    period_beats: float = Field(default=0.5, gt=0, le=16)

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        import numpy as np

        beats = np.arange(audio.frames) / audio.sample_rate_hz / ctx.grid.beat_s
        dip = 0.5 - 0.5 * np.cos(2 * np.pi * beats / self.period_beats)
        return audio.with_samples(audio.samples * 10 ** (-self.depth_db * dip / 20))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    return [Tremolo]
