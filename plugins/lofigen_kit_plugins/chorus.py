"""`chorus`: delayed copies with modulated pitch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_MAX_DELAY_S = 0.06
_STEREO_CYCLES = 0.25


class Chorus(BlockEffect):
    """Adds delayed voices whose pitch moves around that of the sound.

    The effect returns only the voices; `mix` adds them to the dry sound. The modulation differs by
    a quarter cycle from channel to channel, which widens the stereo image. In a loop the rate is
    changed so that whole cycles fit.

    Attributes:
        rate_hz: Rate of the modulation.
        depth_ms: How far the delay moves to either side: the pitch of a voice deviates by up to 2
            pi times rate times depth, 0.31 % (5.4 cents) for 0.5 Hz and 1 ms.
        delay_ms: The shortest delay.
        voices: Number of voices.
        mix: Share of the voices in the output; all voices together have the level of the dry sound.
    """

    use: Literal["chorus"] = "chorus"
    memory_s: ClassVar[float] = _MAX_DELAY_S
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
        """Return the look-ahead of the interpolation."""
        from lofigen_kit.api.dsp import SHORTEST_FRAMES

        return SHORTEST_FRAMES

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with all voices at the middle of their delay range."""
        import numpy as np

        from lofigen_kit.api.dsp import SHORTEST_FRAMES, Lfo, MovingDelay, SmoothedValue

        rate_hz = sound.sample_rate_hz
        delay = MovingDelay(sound.channels, _MAX_DELAY_S * rate_hz + SHORTEST_FRAMES)
        lfo = Lfo(rate_hz, ctx.loop_s)
        delay_ms, depth_ms = SmoothedValue(), SmoothedValue()
        channel_phases = 2.0 * np.pi * _STEREO_CYCLES * np.arange(sound.channels)[:, None]

        def process(block: np.ndarray, now: Chorus) -> np.ndarray:
            frames = block.shape[1]
            phases = lfo(now.rate_hz, frames) + channel_phases
            depth = depth_ms(now.depth_ms, frames)
            min_delay_ms = delay_ms(now.delay_ms, frames)
            voice_phases = 2.0 * np.pi * np.arange(now.voices) / now.voices
            delays = [
                SHORTEST_FRAMES
                + (min_delay_ms + depth * (1.0 + np.sin(phases + voice_phase))) * (rate_hz / 1000.0)
                for voice_phase in voice_phases
            ]
            return delay(block, delays) / np.float32(np.sqrt(now.voices))

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the chorus."""
    return [Chorus]
