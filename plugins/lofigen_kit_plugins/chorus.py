"""`chorus`: several players where there was one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_LONGEST_S = 0.06
_STEREO_TURNS = 0.25


class Chorus(BlockEffect):
    """Adds voices a little later, whose pitch sways around the player's.

    Only the voices are made here: `mix` sets them beside the player. In each channel they sway a
    quarter of a turn after the one before, which widens the image. In a loop the rate is moved so
    that they go round a whole number of times.

    Attributes:
        rate_hz: How often they sway.
        depth_ms: How far their delay moves to either side: a voice's pitch deviates by up to
            2 pi times rate times depth, 0.31 % (5.4 cents) for 0.5 Hz and 1 ms.
        delay_ms: The shortest delay.
        voices: How many there are.
        mix: How much of them is heard; their level together is the player's.
    """

    use: Literal["chorus"] = "chorus"
    memory_s: ClassVar[float] = _LONGEST_S
    rate_hz: float = Field(default=0.5, ge=0.05, le=5)
    depth_ms: float = Field(default=2.0, ge=0, le=10)
    delay_ms: float = Field(default=8.0, ge=1, le=40)
    voices: int = Field(default=2, ge=1, le=4)
    mix: float = Field(default=0.5, ge=0, le=1)

    @property
    def tail_s(self) -> float:
        """The longest delay."""
        return (self.delay_ms + 2.0 * self.depth_ms) / 1000.0

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return what reading between frames looks ahead."""
        from lofigen_kit.api.dsp import SHORTEST_FRAMES

        return SHORTEST_FRAMES

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the voices, all at the middle of their way."""
        import numpy as np

        from lofigen_kit.api.dsp import SHORTEST_FRAMES, Lfo, MovingDelay, SmoothedValue

        rate_hz = sound.sample_rate_hz
        delay = MovingDelay(sound.channels, _LONGEST_S * rate_hz + SHORTEST_FRAMES)
        sway = Lfo(rate_hz, ctx.loop_s)
        shortest_ms, depth_ms = SmoothedValue(), SmoothedValue()
        apart = 2.0 * np.pi * _STEREO_TURNS * np.arange(sound.channels)[:, None]

        def process(block: np.ndarray, now: Chorus) -> np.ndarray:
            frames = block.shape[1]
            phases = sway(now.rate_hz, frames) + apart
            depth = depth_ms(now.depth_ms, frames)
            nearest = shortest_ms(now.delay_ms, frames)
            turns = 2.0 * np.pi * np.arange(now.voices) / now.voices
            delays = [
                SHORTEST_FRAMES
                + (nearest + depth * (1.0 + np.sin(phases + turn))) * (rate_hz / 1000.0)
                for turn in turns
            ]
            return delay(block, delays) / np.float32(np.sqrt(now.voices))

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the chorus."""
    return [Chorus]
