"""`vinyl-warp`: a record that is not flat, or not centred."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_DEEPEST_PCT = 2.0
_FEWEST_WHOLE_TURNS = 2


class VinylWarp(BlockEffect):
    """Raises and lowers speed, and so pitch, once a turn of the record.

    The sound starts and ends on time. From two turns on, the rate is moved to the nearest whole
    number of turns, so that a loop's pitch is as even over its seam as within it. Where in a turn
    it starts is drawn anew for each take; at which rate it turns is settled as it starts.

    Attributes:
        rate_hz: Turns a second: 0.5556 at 33 1/3 rpm, 0.75 at 45, 1.3 at 78.
        depth_pct: The peak deviation of speed; 1 % is 17 cents.
    """

    use: Literal["vinyl-warp"] = "vinyl-warp"
    rate_hz: float = Field(default=0.5556, ge=0.2, le=2)
    depth_pct: float = Field(default=0.25, ge=0, le=_DEEPEST_PCT)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return how far ahead the needle may be."""
        from lofigen_kit.api.dsp import VariableRateReader

        return VariableRateReader.latency_frames(self._reach(sound))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the needle, on a record that turns for as long as the sound."""
        import numpy as np

        from lofigen_kit.api.dsp import SmoothedValue, VariableRateReader

        read = VariableRateReader(sound, self._reach(sound))
        depth = SmoothedValue()
        turn = 2.0 * math.pi * self._whole_turns_hz(sound) / sound.sample_rate_hz
        phase = ctx.rng.uniform(0.0, 2.0 * math.pi)
        begin, slope = math.sin(phase), 0.0
        if not sound.endless:
            end = math.sin(phase + turn * (sound.frames - 1))
            slope = (end - begin) / max(sound.frames - 1, 1)

        def process(block: np.ndarray, now: VinylWarp) -> np.ndarray:
            lead = depth(now.depth_pct, block.shape[1]) / 100.0 / turn

            def positions(frames: np.ndarray) -> np.ndarray:
                wave = np.sin(phase + turn * frames) - begin - slope * frames
                return np.asarray(frames + lead * wave)

            return read(block, positions)

        return process

    def _reach(self, sound: AudioFormat) -> int:
        """Return how far from an even turn the needle may be at the greatest depth, in frames."""
        swing_s = _DEEPEST_PCT / 100.0 / (2.0 * math.pi * self._whole_turns_hz(sound))
        return math.ceil(2.0 * swing_s * sound.sample_rate_hz) + 1

    def _whole_turns_hz(self, sound: AudioFormat) -> float:
        if sound.endless:
            return self.rate_hz
        turns = round(self.rate_hz * sound.duration_s)
        return turns / sound.duration_s if turns >= _FEWEST_WHOLE_TURNS else self.rate_hz


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the warped record."""
    return [VinylWarp]
