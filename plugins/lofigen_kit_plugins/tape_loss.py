"""`tape-loss`: the treble that a slow tape, a wide gap and a worn head lose."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_UM_OF_AN_INCH = 25_400.0
_REACH_S = 0.012


class TapeLoss(BlockEffect):
    """Loses treble as a playback head does, the more, the shorter the wave on the tape.

    A wave's length on the tape is the speed over its frequency. Distance between tape and head
    costs 55 dB for every wavelength (Wallace's law, e^-kd); and what is as short as the gap is
    wide cancels itself in it (a sinc).

    Attributes:
        speed_ips: The tape's speed in inches a second.
        gap_um: How wide the head's gap is.
        spacing_um: How far the tape is from the head.
    """

    use: Literal["tape-loss"] = "tape-loss"
    memory_s: ClassVar[float] = 2 * _REACH_S
    speed_ips: float = Field(default=7.5, ge=1.875, le=30)
    gap_um: float = Field(default=3.0, ge=0, le=20)
    spacing_um: float = Field(default=1.0, ge=0, le=10)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return how far the filter looks ahead."""
        return round(_REACH_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the head, at rest."""
        from lofigen_kit.api.dsp import LinearPhaseFilter, design_linear_phase

        reach = self.latency_frames(sound)
        head = LinearPhaseFilter(sound.channels, reach)

        def process(block: np.ndarray, now: TapeLoss) -> np.ndarray:
            return head(
                block, design_linear_phase(partial(_gain, now), reach, sound.sample_rate_hz)
            )

        return process


def _gain(tape: TapeLoss, frequency_hz: np.ndarray) -> np.ndarray:
    """Return what is left at each frequency."""
    import numpy as np

    waves_per_um = frequency_hz / (tape.speed_ips * _UM_OF_AN_INCH)
    spacing_loss = np.exp(-2.0 * np.pi * waves_per_um * tape.spacing_um)
    return np.asarray(spacing_loss * np.sinc(waves_per_um * tape.gap_um))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the losses of a playback head."""
    return [TapeLoss]
