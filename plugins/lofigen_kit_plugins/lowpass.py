"""`lowpass`: a low-pass filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import (
    AudioFormat,
    BlockEffect,
    Context,
    Effect,
    Field,
    LiveParameter,
    Process,
    hookimpl,
)

if TYPE_CHECKING:
    import numpy as np


class Lowpass(BlockEffect):
    """Removes the treble above a cutoff, with a Butterworth filter.

    A cutoff at or above half the sample rate leaves the sound unchanged, so one preset works at
    every sample rate.

    Attributes:
        cutoff_hz: The -3 dB frequency.
        order: Even; the slope is 6 dB per octave for each.
    """

    use: Literal["lowpass"] = "lowpass"
    live_parameters: ClassVar = (LiveParameter("cutoff_hz", "cutoff", step_ratio=2.0 ** (1 / 6)),)
    cutoff_hz: float = Field(default=6000.0, ge=20, le=20_000)
    order: Literal[2, 4, 6, 8] = 4

    @property
    def tail_s(self) -> float:
        """How long the filter rings."""
        from lofigen_kit.api.dsp import butterworth_q, compute_ring_s

        return compute_ring_s(self.cutoff_hz, butterworth_q(self.order))

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the filter, at rest."""
        from lofigen_kit.api.dsp import BiquadCascade, butterworth

        rate_hz = sound.sample_rate_hz
        sections = BiquadCascade(sound.channels)

        def process(block: np.ndarray, now: Lowpass) -> np.ndarray:
            if 2 * now.cutoff_hz >= rate_hz:
                return block
            return sections(block, butterworth(now.order, now.cutoff_hz, rate_hz))

        return process


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the low-pass filter."""
    return [Lowpass]
