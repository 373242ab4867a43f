"""`lowpass`: the treble that old machines never had."""

from __future__ import annotations

from typing import ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl


class Lowpass(Effect):
    """Takes the treble off above a cutoff, with a Butterworth filter.

    A cutoff at or above half the sample rate lies above all there is to hear: the sound passes
    unchanged, so that one preset serves every sample rate.

    Attributes:
        cutoff_hz: Where the sound is 3 dB down.
        order: Steepness: 6 dB an octave each; even.
    """

    use: Literal["lowpass"] = "lowpass"
    memory_s: ClassVar[float] = 0.1
    cutoff_hz: float = Field(default=6000.0, ge=20, le=20_000)
    order: Literal[2, 4, 6, 8] = 4

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sound without what lies above the cutoff."""
        from scipy import signal

        from lofigen_kit.dsp.filters import filtered

        if 2 * self.cutoff_hz >= audio.sample_rate_hz:
            return audio
        sections = signal.butter(self.order, self.cutoff_hz, fs=audio.sample_rate_hz, output="sos")
        return filtered(audio, sections)


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the low-pass filter."""
    return [Lowpass]
