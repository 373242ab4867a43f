"""`varispeed`: another tape speed, which changes tempo and pitch together."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl


class Varispeed(Effect):
    """Plays the sound faster or slower, so that pitch and tempo change together.

    Attributes:
        semitones: Change of pitch; 12 doubles the speed.
    """

    use: Literal["varispeed"] = "varispeed"
    semitones: float = Field(default=-3.0, ge=-12, le=12)

    @property
    def speed(self) -> float:
        """2 to the power of semitones / 12."""
        return float(2.0 ** (self.semitones / 12.0))

    @property
    def transposition(self) -> float:
        """The semitones."""
        return self.semitones

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sound at another speed; a loop is resampled as a periodic signal."""
        from scipy import signal

        from lofigen_kit.api.dsp import resample_samples

        frames = self.frames_after(audio, ctx)
        if frames in (0, audio.frames):
            return audio.with_samples(audio.samples[:, :frames])
        if ctx.loop:
            # A loop is periodic: by FFT resampling its seam is like any other place.
            return audio.with_samples(signal.resample(audio.samples, frames, axis=1))
        return audio.with_samples(resample_samples(audio.samples, audio.frames, frames, frames))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide varispeed."""
    return [Varispeed]
