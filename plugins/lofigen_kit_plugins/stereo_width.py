"""`stereo-width`: how far apart left and right are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_LOWEST_HZ = 1.0
"""Below it there is no bass to bring to the middle."""


class StereoWidth(BlockEffect):
    """Widens or narrows the image, and keeps the bass in the middle.

    What left and right have in common stays as it is. A sound that is not stereo passes unchanged.

    Attributes:
        width_pct: How much of their difference is left: 0 is mono, 100 as it was.
        mono_below_hz: Below it there is no difference (3 dB down there, 12 dB an octave); 0 leaves
            the bass alone.
    """

    use: Literal["stereo-width"] = "stereo-width"
    width_pct: float = Field(default=100.0, ge=0, le=200)
    mono_below_hz: float = Field(default=120.0, ge=0, le=500)

    @property
    def tail_s(self) -> float:
        """How long the filter of the difference rings."""
        from lofigen_kit.api.dsp import butterworth_q, compute_ring_s

        return compute_ring_s(max(self.mono_below_hz, 20.0), butterworth_q(2))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the matrix, its filter at rest."""
        import numpy as np

        from lofigen_kit.api.dsp import BiquadCascade, SmoothedValue, butterworth

        if sound.channels != 2:
            return lambda block, _: block
        width = SmoothedValue()
        highpass = BiquadCascade(1)

        def process(block: np.ndarray, now: StereoWidth) -> np.ndarray:
            left, right = block.astype(np.float64)
            middle, side = (left + right) / 2.0, (left - right) / 2.0
            share = width(now.width_pct / 100.0, block.shape[1])
            bass = np.zeros_like(side)
            if now.mono_below_hz >= _LOWEST_HZ:
                corner = butterworth(2, now.mono_below_hz, sound.sample_rate_hz, high=True)
                bass = side - highpass(side[None], corner)[0]
            # Not middle +- side: so both are the middle at 0, and themselves at 1, bit for bit.
            wide = [
                share * (channel - bass_here) + (1.0 - share) * middle
                for channel, bass_here in ((left, bass), (right, -bass))
            ]
            return np.array(wide, np.float32)

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the width."""
    return [StereoWidth]
