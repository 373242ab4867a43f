"""`phaser`: moving notches in the spectrum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_STAGES = 6
_LOWEST_HZ = 20.0
_HIGHEST = 0.45  # of the sample rate
_STEREO_TURNS = 0.25


class Phaser(BlockEffect):
    """Moves three notches up and down, by mixing the sound with six all-pass filters in series.

    The modulation of each channel is a quarter cycle behind the previous one, which widens the
    stereo image. In a loop the rate is changed so that whole cycles fit.

    Attributes:
        rate_hz: Rate of the modulation.
        depth_octaves: How far the notches move to either side.
        centre_hz: Centre of the movement of the middle notch.
        feedback_pct: Feedback around the filters, which sharpens the peaks between the notches.
    """

    use: Literal["phaser"] = "phaser"
    rate_hz: float = Field(default=0.3, ge=0.05, le=8)
    depth_octaves: float = Field(default=1.5, ge=0, le=4)
    centre_hz: float = Field(default=800.0, ge=100, le=5000)
    feedback_pct: float = Field(default=20.0, ge=0, le=90)

    @property
    def tail_s(self) -> float:
        """How long the feedback takes to decay by 80 dB, at the lowest corner of the filters."""
        from lofigen_kit.api.dsp import compute_ring_s, count_feedback_passes

        passes = 1.0 + count_feedback_passes(self.feedback_pct / 100.0)
        lowest_hz = max(self.centre_hz / math.pow(2.0, self.depth_octaves), _LOWEST_HZ)
        return passes * _STAGES / (math.pi * lowest_hz) + compute_ring_s(lowest_hz, 0.5)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the filters, at rest."""
        import numpy as np

        from lofigen_kit.api.dsp import AllpassCascade, Lfo, SmoothedValue

        rate_hz = sound.sample_rate_hz
        filters = AllpassCascade(sound.channels, _STAGES)
        lfo = Lfo(rate_hz, ctx.loop_s)
        centre_octaves, depth_octaves, feedback = SmoothedValue(), SmoothedValue(), SmoothedValue()
        channel_phases = 2.0 * np.pi * _STEREO_TURNS * np.arange(sound.channels)[:, None]

        def process(block: np.ndarray, now: Phaser) -> np.ndarray:
            frames = block.shape[1]
            phases = lfo(now.rate_hz, frames) - channel_phases
            octaves = centre_octaves(math.log2(now.centre_hz), frames)
            octaves = octaves + depth_octaves(now.depth_octaves, frames) * np.sin(phases)
            corners_hz = np.clip(np.exp2(octaves), _LOWEST_HZ, _HIGHEST * rate_hz)
            feedback_gains = np.broadcast_to(feedback(now.feedback_pct / 100.0, frames), (frames,))
            shifted = filters(block, 2.0 * np.pi * corners_hz / rate_hz, feedback_gains)
            return np.asarray((block + shifted) / 2, np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the phaser."""
    return [Phaser]
