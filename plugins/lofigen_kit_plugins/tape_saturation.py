"""`tape-saturation`: warmth, by driving tape towards its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl

if TYPE_CHECKING:
    import numpy as np

_REFERENCE_DBFS = -12.0
_HEAD_HZ = 10.0


class TapeSaturation(Effect):
    """Drives the sound into tape, which rounds its peaks and adds harmonics.

    The machine is aligned as an engineer would: a sine at -12 dBFS comes out at -12 dBFS, whatever
    the drive. As no playback head reads direct current, what lies below 10 Hz is lost.

    Attributes:
        mode: `tanh`, a soft curve without memory, or `hysteresis`, the magnetisation of tape
            (Jiles-Atherton), whose curve depends on where the sound came from.
        drive_db: Gain into the tape.
        bias: A steady field under the sound; it adds even harmonics.
        oversample: How many times the sample rate it runs at, against aliasing.
    """

    use: Literal["tape-saturation"] = "tape-saturation"
    memory_s: ClassVar[float] = 0.5
    mode: Literal["tanh", "hysteresis"] = "tanh"
    drive_db: float = Field(default=6.0, ge=0, le=24)
    bias: float = Field(default=0.1, ge=0, le=0.5)
    oversample: Literal[1, 2, 4, 8] = 4

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sound from tape."""
        from scipy import signal

        from lofigen_kit.dsp.filters import filtered
        from lofigen_kit.dsp.resample import oversampled

        taped = oversampled(audio.samples, self.oversample, self._shape)
        head = signal.butter(2, _HEAD_HZ, "highpass", fs=audio.sample_rate_hz, output="sos")
        return filtered(audio.with_samples(taped * self._alignment()), head)

    def _shape(self, samples: np.ndarray) -> np.ndarray:
        """Return what stays on tape of samples [shape=(channels, frames)]; silence of silence."""
        import numpy as np

        from lofigen_kit.dsp.levels import gain_of

        field = samples * np.float32(gain_of(self.drive_db))
        if self.mode == "tanh":
            field += np.float32(self.bias)
            taped = np.tanh(field, out=field)
            rest = np.tanh(np.float32(self.bias))
        else:
            from lofigen_kit.dsp.hysteresis import magnetise

            taped = magnetise(field, self.bias)
            rest = magnetise(np.zeros((1, 1), np.float32), self.bias)[0, 0]
        taped -= rest
        return taped

    def _alignment(self) -> np.float32:
        """Return the gain that brings the reference sine back to its level."""
        import numpy as np

        from lofigen_kit.dsp.levels import gain_of

        cycles, frames = 8, 256
        phase = 2.0 * np.pi * np.arange(cycles * frames) / frames
        sine = (gain_of(_REFERENCE_DBFS) * np.sin(phase)).astype(np.float32)[None]
        settled = self._shape(sine)[0, -frames:]
        return np.float32(np.std(sine) / np.std(settled))


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide tape saturation."""
    return [TapeSaturation]
