"""`tape-loss`: the treble loss of a slow tape, a wide gap and a worn head."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_UM_PER_INCH = 25_400.0
_REACH_S = 0.012


class TapeLoss(BlockEffect):
    """Reduces the treble as a playback head does: the shorter the wavelength on tape, the more.

    The wavelength on the tape is the speed over the frequency. The distance between tape and head
    costs 55 dB per wavelength (Wallace's law, e^-kd), and wavelengths near the width of the gap
    cancel in it (a sinc).

    Attributes:
        speed_ips: Tape speed in inches per second.
        gap_um: Width of the head's gap.
        spacing_um: Distance between tape and head.
    """

    use: Literal["tape-loss"] = "tape-loss"
    memory_s: ClassVar[float] = 2 * _REACH_S
    speed_ips: float = Field(default=7.5, ge=1.875, le=30)
    gap_um: float = Field(default=3.0, ge=0, le=20)
    spacing_um: float = Field(default=1.0, ge=0, le=10)

    def latency_frames(self, sound: AudioFormat) -> int:
        """Return the look-ahead of the filter."""
        return round(_REACH_S * sound.sample_rate_hz)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the filter, at rest."""
        from lofigen_kit.api.dsp import LinearPhaseFilter, design_linear_phase

        reach = self.latency_frames(sound)
        head = LinearPhaseFilter(sound.channels, reach)

        def process(block: np.ndarray, now: TapeLoss) -> np.ndarray:
            return head(
                block, design_linear_phase(partial(_gain, now), reach, sound.sample_rate_hz)
            )

        return process


def _gain(tape: TapeLoss, frequency_hz: np.ndarray) -> np.ndarray:
    """Return the gain at each frequency."""
    import numpy as np

    waves_per_um = frequency_hz / (tape.speed_ips * _UM_PER_INCH)
    spacing_loss = np.exp(-2.0 * np.pi * waves_per_um * tape.spacing_um)
    return np.asarray(spacing_loss * np.sinc(waves_per_um * tape.gap_um))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the losses of a playback head."""
    return [TapeLoss]
