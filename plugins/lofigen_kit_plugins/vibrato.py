"""`vibrato`: a pitch that trembles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_SLOWEST_HZ = 0.5
_DEEPEST_CENTS = 100.0
_CENT = math.log(2.0) / 1200.0
_FARTHEST_S = _CENT * _DEEPEST_CENTS / (2.0 * math.pi * _SLOWEST_HZ)


class Vibrato(BlockEffect):
    """Lets the pitch tremble around its own, without being late.

    In a loop the rate is moved so that it trembles a whole number of times.

    Attributes:
        rate_hz: How often it goes up and down.
        depth_cents: How far it goes to either side.
    """

    use: Literal["vibrato"] = "vibrato"
    memory_s: ClassVar[float] = 2.0 * _FARTHEST_S
    rate_hz: float = Field(default=5.0, ge=_SLOWEST_HZ, le=12)
    depth_cents: float = Field(default=15.0, ge=0, le=_DEEPEST_CENTS)

    @property
    def tail_s(self) -> float:
        """As late as the sound is at the latest."""
        return _CENT * self.depth_cents / (2.0 * math.pi * self.rate_hz)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return as far ahead as the sound is read at the earliest."""
        from lofigen_kit.api.dsp import SHORTEST_FRAMES

        return SHORTEST_FRAMES + math.ceil(_FARTHEST_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the moving delay, on time."""
        import numpy as np

        from lofigen_kit.api.dsp import Lfo, MovingDelay, SmoothedValue, loop_locked_rate

        rate_hz, late = sound.sample_rate_hz, self.latency_frames(sound)
        delay = MovingDelay(sound.channels, 2 * late)
        tremble = Lfo(rate_hz, ctx.loop_s)
        reach_frames = SmoothedValue()

        def process(block: np.ndarray, now: Vibrato) -> np.ndarray:
            frames = block.shape[1]
            # A short loop may make it slower than that; then it goes less far.
            trembles_hz = max(loop_locked_rate(now.rate_hz, ctx.loop_s), _SLOWEST_HZ)
            per_frame = 2.0 * np.pi * trembles_hz / rate_hz
            reach = reach_frames(_CENT * now.depth_cents / per_frame, frames)
            delays = late + reach * np.sin(tremble(now.rate_hz, frames))
            return delay(block, [np.broadcast_to(delays, block.shape)])

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the vibrato."""
    return [Vibrato]
