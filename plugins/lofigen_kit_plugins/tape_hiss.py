"""`tape-hiss`: the noise floor of tape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioBuffer, Context, Effect, Field, hookimpl

if TYPE_CHECKING:
    import numpy as np

_LOWEST_HZ = 20.0
_DB_OF_AN_OCTAVE = 20.0 * math.log10(2.0)


class TapeHiss(Effect):
    """Adds steady noise, independent in each channel.

    Attributes:
        level_dbfs: Its RMS level from 0 Hz to half the sample rate; full scale is an RMS of 1.
        slope_db_oct: Its tilt in decibels an octave above 20 Hz: 0 is white, -3 pink, 3 bright.
    """

    use: Literal["tape-hiss"] = "tape-hiss"
    level_dbfs: float = Field(default=-60.0, ge=-120, le=-12)
    slope_db_oct: float = Field(default=0.0, ge=-12, le=12)

    def apply(self, audio: AudioBuffer, ctx: Context) -> AudioBuffer:
        """Return the sound with the noise over it."""
        import numpy as np

        from lofigen_kit.dsp.levels import gain_of

        noise = ctx.rng.standard_normal(audio.samples.shape, dtype=np.float32)
        if self.slope_db_oct and audio.frames:
            noise = self._tilted(noise, audio.sample_rate_hz)
        noise *= np.float32(gain_of(self.level_dbfs))
        return audio.with_samples(audio.samples + noise)

    def _tilted(self, white: np.ndarray, rate_hz: int) -> np.ndarray:
        """Tilt the spectrum and keep the power that is to be expected."""
        import numpy as np
        from scipy import fft

        frames = white.shape[1]
        size = fft.next_fast_len(frames, real=True)
        frequencies_hz = np.maximum(fft.rfftfreq(size, 1.0 / rate_hz), _LOWEST_HZ)
        weights = (frequencies_hz / _LOWEST_HZ) ** (self.slope_db_oct / _DB_OF_AN_OCTAVE)
        weights /= np.sqrt(np.mean(weights**2))
        return np.asarray(fft.irfft(fft.rfft(white, size) * weights, size), np.float32)[:, :frames]


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the hiss."""
    return [TapeHiss]
