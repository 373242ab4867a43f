"""`stereo-width`: the width of the stereo image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_MIN_CORNER_HZ = 1.0
"""A corner below this leaves the bass as it is."""


class StereoWidth(BlockEffect):
    """Widens or narrows the stereo image, and keeps the bass in the middle.

    The mid signal does not change. A sound that is not stereo passes unchanged.

    Attributes:
        width_pct: Level of the side signal: 0 is mono, 100 leaves it unchanged.
        mono_below_hz: Corner below which the side signal is removed (-3 dB there, 12 dB per
            octave); 0 leaves the bass unchanged.
    """

    use: Literal["stereo-width"] = "stereo-width"
    width_pct: float = Field(default=100.0, ge=0, le=200)
    mono_below_hz: float = Field(default=120.0, ge=0, le=500)

    @property
    def tail_s(self) -> float:
        """How long the filter of the side signal rings."""
        from lofigen_kit.api.dsp import butterworth_q, compute_ring_s

        return compute_ring_s(max(self.mono_below_hz, 20.0), butterworth_q(2))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, with its filter at rest."""
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade, SmoothedValue, butterworth

        if sound.channels != 2:
            return lambda block, _: block
        width = SmoothedValue()
        highpass = BiquadCascade(1)

        def process(block: np.ndarray, now: StereoWidth) -> np.ndarray:
            left, right = block.astype(np.float64)
            mid, side = (left + right) / 2.0, (left - right) / 2.0
            share = width(now.width_pct / 100.0, block.shape[1])
            bass = np.zeros_like(side)
            if now.mono_below_hz >= _MIN_CORNER_HZ:
                sections = butterworth(2, now.mono_below_hz, sound.sample_rate_hz, high=True)
                bass = side - highpass(side[None], sections)[0]
            # Not mid +- side: so 0 gives the mid signal and 1 the channels themselves, bit for bit.
            wide = [
                share * (channel - channel_bass) + (1.0 - share) * mid
                for channel, channel_bass in ((left, bass), (right, -bass))
            ]
            return np.array(wide, np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the width."""
    return [StereoWidth]
