"""`lowpass`: the treble that old machines never had."""

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
    """Takes the treble off above a cutoff, with a Butterworth filter.

    A cutoff at or above half the sample rate lies above all there is to hear: the sound passes
    unchanged, so that one preset serves every sample rate.

    Attributes:
        cutoff_hz: Where the sound is 3 dB down.
        order: Steepness: 6 dB an octave each; even.
    """

    use: Literal["lowpass"] = "lowpass"
    live_parameters: ClassVar = (LiveParameter("cutoff_hz", "cutoff", step_ratio=2.0 ** (1 / 6)),)
    cutoff_hz: float = Field(default=6000.0, ge=20, le=20_000)
    order: Literal[2, 4, 6, 8] = 4

    @property
    def tail_s(self) -> float:
        """How long it rings."""
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
