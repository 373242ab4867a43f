"""`varispeed`: the whole tape faster or slower, and its pitch with it."""

from __future__ import annotations

from typing import Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl


class Varispeed(Effect):
    """Plays the sound faster or slower, so that pitch and tempo go up or down together.

    Attributes:
        semitones: How much higher; twelve of them are twice the speed.
    """

    use: Literal["varispeed"] = "varispeed"
    semitones: float = Field(default=-3.0, ge=-12, le=12)

    @property
    def speed(self) -> float:
        """Twice as fast for each octave."""
        return float(2.0 ** (self.semitones / 12.0))

    @property
    def transposition(self) -> float:
        """As many semitones as are set."""
        return self.semitones

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sound at another speed; a loop is read as it goes round."""
        from scipy import signal

        from lofigen_kit.api.dsp import resample_samples

        frames = self.frames_after(audio, ctx)
        if frames in (0, audio.frames):
            return audio.with_samples(audio.samples[:, :frames])
        if ctx.loop:
            # What goes round has a spectrum of lines: resampled so, the seam is as any other place.
            return audio.with_samples(signal.resample(audio.samples, frames, axis=1))
        return audio.with_samples(resample_samples(audio.samples, audio.frames, frames, frames))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide varispeed."""
    return [Varispeed]
