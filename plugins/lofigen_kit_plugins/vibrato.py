"""`vibrato`: periodic modulation of pitch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_MIN_RATE_HZ = 0.5
_MAX_DEPTH_CENTS = 100.0
_CENT = math.log(2.0) / 1200.0
_MAX_DELAY_S = _CENT * _MAX_DEPTH_CENTS / (2.0 * math.pi * _MIN_RATE_HZ)


class Vibrato(BlockEffect):
    """Moves the pitch periodically up and down, without latency.

    In a loop the rate is changed so that whole cycles fit.

    Attributes:
        rate_hz: Rate of the modulation.
        depth_cents: How far the pitch moves to either side.
    """

    use: Literal["vibrato"] = "vibrato"
    memory_s: ClassVar[float] = 2.0 * _MAX_DELAY_S
    rate_hz: float = Field(default=5.0, ge=_MIN_RATE_HZ, le=12)
    depth_cents: float = Field(default=15.0, ge=0, le=_MAX_DEPTH_CENTS)

    @property
    def tail_s(self) -> float:
        """The greatest delay of the sound."""
        return _CENT * self.depth_cents / (2.0 * math.pi * self.rate_hz)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return the greatest look-ahead."""
        from lofigen_kit.api.dsp import SHORTEST_FRAMES

        return SHORTEST_FRAMES + math.ceil(_MAX_DELAY_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with the sound in time."""
        import numpy as np

        from lofigen_kit.api.dsp import Lfo, MovingDelay, SmoothedValue, loop_locked_rate

        rate_hz, latency = sound.sample_rate_hz, self.latency_frames(sound)
        delay = MovingDelay(sound.channels, 2 * latency)
        lfo = Lfo(rate_hz, ctx.loop_s)
        smoothed_depth = SmoothedValue()

        def process(block: np.ndarray, now: Vibrato) -> np.ndarray:
            frames = block.shape[1]
            # In a short loop the rate may be lower still; then the depth is reduced.
            rate_for_depth_hz = max(loop_locked_rate(now.rate_hz, ctx.loop_s), _MIN_RATE_HZ)
            step = 2.0 * np.pi * rate_for_depth_hz / rate_hz
            depth_frames = smoothed_depth(_CENT * now.depth_cents / step, frames)
            delays = latency + depth_frames * np.sin(lfo(now.rate_hz, frames))
            return delay(block, [np.broadcast_to(delays, block.shape)])

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the vibrato."""
    return [Vibrato]
