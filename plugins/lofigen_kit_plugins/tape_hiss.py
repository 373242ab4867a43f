"""`tape-hiss`: the noise of tape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_LOWEST_HZ = 20.0
_DB_PER_DOUBLING = 20.0 * math.log10(2.0)
_HOP = 4096


class TapeHiss(BlockEffect):
    """Adds steady noise, independent in each channel.

    Attributes:
        level_dbfs: RMS level from 0 Hz to half the sample rate; full scale is an RMS of 1.
        slope_db_oct: Spectral slope in decibels per octave above 20 Hz: 0 is white, -3 pink, 3
            bright.
    """

    use: Literal["tape-hiss"] = "tape-hiss"
    level_dbfs: float = Field(default=-60.0, ge=-120, le=-12)
    slope_db_oct: float = Field(default=0.0, ge=-12, le=12)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return the processor, which adds noise to each block."""
        import numpy as np

        from lofigen_kit.api.dsp import db_to_gain

        tilted: _TiltedNoise | None = None

        def process(block: np.ndarray, now: TapeHiss) -> np.ndarray:
            nonlocal tilted
            if now.slope_db_oct and not tilted:
                tilted = _TiltedNoise(sound, ctx.rng, now.slope_db_oct)
            if tilted:
                noise = tilted(block.shape[1], now.slope_db_oct)
            else:
                noise = ctx.rng.standard_normal(block.shape, dtype=np.float32)
            noise *= np.float32(db_to_gain(now.level_dbfs))
            noise += block
            return noise

        return process


class _TiltedNoise:
    """Steady noise of unit power with a sloped spectrum.

    Pieces are synthesised as random spectra and crossfaded. They are independent of each other, so
    their powers add; the fades are a sine and a cosine, whose powers sum to one.
    """

    def __init__(self, sound: AudioFormat, rng: np.random.Generator, slope_db_oct: float) -> None:
        import numpy as np
        from scipy import fft

        self._channels = sound.channels
        self._rng = rng
        self._octaves = np.log2(
            np.maximum(fft.rfftfreq(2 * _HOP, 1.0 / sound.sample_rate_hz) / _LOWEST_HZ, 1.0)
        )
        self._fade = np.sin(math.pi * (np.arange(2 * _HOP) + 0.5) / (2 * _HOP)).astype(np.float32)
        self._overlap = self._make_piece(slope_db_oct)[:, _HOP:]
        self._pending = self._overlap[:, :0]

    def __call__(self, frames: int, slope_db_oct: float) -> np.ndarray:
        """Return the next frames [shape=(channels, frames), dtype=float32]."""
        import numpy as np

        parts = [self._pending]
        count = self._pending.shape[1]
        while count < frames:
            piece = self._make_piece(slope_db_oct)
            parts.append(self._overlap + piece[:, :_HOP])
            self._overlap = piece[:, _HOP:]
            count += _HOP
        noise = np.concatenate(parts, axis=1)
        self._pending = noise[:, frames:]
        return noise[:, :frames].copy()

    def _make_piece(self, slope_db_oct: float) -> np.ndarray:
        import numpy as np
        from scipy import fft

        weights = np.exp2(self._octaves * (slope_db_oct / _DB_PER_DOUBLING))
        weights[[0, -1]] = 0.0  # these bins are real, and would have half the power
        weights *= _HOP / np.sqrt(np.sum(weights**2))
        gaussians = self._rng.standard_normal((self._channels, 2 * len(weights)), dtype=np.float32)
        spectrum = gaussians.view(np.complex64) * weights.astype(np.float32)
        return np.asarray(fft.irfft(spectrum, 2 * _HOP)) * self._fade


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the hiss."""
    return [TapeHiss]
