"""`vinyl-warp`: a record that is not flat or not centred."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_MAX_DEPTH_PCT = 2.0
_MIN_WHOLE_TURNS = 2


class VinylWarp(BlockEffect):
    """Varies the speed, and so the pitch, once per turn of the record.

    The sound starts and ends in time. From two turns on, the rate is changed to the nearest whole
    number of turns, so that the pitch of a loop is as even over its seam as within it. The phase is
    random in each take. The rate cannot change during a sound.

    Attributes:
        rate_hz: Turns per second: 0.5556 at 33 1/3 rpm, 0.75 at 45, 1.3 at 78.
        depth_pct: Peak deviation of speed; 1 % is 17 cents.
    """

    use: Literal["vinyl-warp"] = "vinyl-warp"
    rate_hz: float = Field(default=0.5556, ge=0.2, le=2)
    depth_pct: float = Field(default=0.25, ge=0, le=_MAX_DEPTH_PCT)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return how far ahead the needle may be."""
        from lofigen_kit.api.dsp import VariableRateReader

        return VariableRateReader.latency_frames(self._reach(sound))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with the needle at the first frame."""
        import numpy as np

        from lofigen_kit.api.dsp import SmoothedValue, VariableRateReader

        read = VariableRateReader(sound, self._reach(sound))
        depth = SmoothedValue()
        step = 2.0 * math.pi * self._whole_turns_hz(sound) / sound.sample_rate_hz
        phase = ctx.rng.uniform(0.0, 2.0 * math.pi)
        start_wave, slope = math.sin(phase), 0.0
        if not sound.endless:
            end_wave = math.sin(phase + step * (sound.frames - 1))
            slope = (end_wave - start_wave) / max(sound.frames - 1, 1)

        def process(block: np.ndarray, now: VinylWarp) -> np.ndarray:
            depth_frames = depth(now.depth_pct, block.shape[1]) / 100.0 / step

            def positions(frames: np.ndarray) -> np.ndarray:
                wave = np.sin(phase + step * frames) - start_wave - slope * frames
                return np.asarray(frames + depth_frames * wave)

            return read(block, positions)

        return process

    def _reach(self, sound: AudioFormat) -> int:
        """Return the greatest distance of the needle from its position at even speed, in frames."""
        swing_s = _MAX_DEPTH_PCT / 100.0 / (2.0 * math.pi * self._whole_turns_hz(sound))
        return math.ceil(2.0 * swing_s * sound.sample_rate_hz) + 1

    def _whole_turns_hz(self, sound: AudioFormat) -> float:
        """Return the nearest rate with whole turns in the sound; for endless sounds, the rate."""
        if sound.endless:
            return self.rate_hz
        turns = round(self.rate_hz * sound.duration_s)
        return turns / sound.duration_s if turns >= _MIN_WHOLE_TURNS else self.rate_hz


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the warped record."""
    return [VinylWarp]
