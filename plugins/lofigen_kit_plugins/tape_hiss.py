"""`tape-hiss`: the noise floor of tape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lofigen_kit.api import AudioFormat, BlockEffect, Context, Effect, Field, Process, hookimpl

if TYPE_CHECKING:
    import numpy as np

_LOWEST_HZ = 20.0
_DB_OF_AN_OCTAVE = 20.0 * math.log10(2.0)
_HOP = 4096


class TapeHiss(BlockEffect):
    """Adds steady noise, independent in each channel.

    Attributes:
        level_dbfs: Its RMS level from 0 Hz to half the sample rate; full scale is an RMS of 1.
        slope_db_oct: Its tilt in decibels an octave above 20 Hz: 0 is white, -3 pink, 3 bright.
    """

    use: Literal["tape-hiss"] = "tape-hiss"
    level_dbfs: float = Field(default=-60.0, ge=-120, le=-12)
    slope_db_oct: float = Field(default=0.0, ge=-12, le=12)

    def start(self, sound: AudioFormat, ctx: Context) -> Process:
        """Return what lays noise over each block."""
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
    """Steady noise of unit power with a tilted spectrum.

    Pieces are drawn as spectra and fade into one another; as they are independent of each other,
    it is their powers that add up, and those of a sine and a cosine to one.
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
        self._leaving = self._piece(slope_db_oct)[:, _HOP:]
        self._ready = self._leaving[:, :0]

    def __call__(self, frames: int, slope_db_oct: float) -> np.ndarray:
        """Return what comes next [shape=(channels, frames), dtype=float32]."""
        import numpy as np

        ready = [self._ready]
        count = self._ready.shape[1]
        while count < frames:
            piece = self._piece(slope_db_oct)
            ready.append(self._leaving + piece[:, :_HOP])
            self._leaving = piece[:, _HOP:]
            count += _HOP
        noise = np.concatenate(ready, axis=1)
        self._ready = noise[:, frames:]
        return noise[:, :frames].copy()

    def _piece(self, slope_db_oct: float) -> np.ndarray:
        import numpy as np
        from scipy import fft

        weights = np.exp2(self._octaves * (slope_db_oct / _DB_OF_AN_OCTAVE))
        weights[[0, -1]] = 0.0  # which would count half, having no phase
        weights *= _HOP / np.sqrt(np.sum(weights**2))
        parts = self._rng.standard_normal((self._channels, 2 * len(weights)), dtype=np.float32)
        spectrum = parts.view(np.complex64) * weights.astype(np.float32)
        return np.asarray(fft.irfft(spectrum, 2 * _HOP)) * self._fade


@hookimpl
def lofigen_effects() -> list[type[Effect]]:
    """Provide the hiss."""
    return [TapeHiss]
