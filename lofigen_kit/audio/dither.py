"""Conversion of float samples to integers, with or without dither."""

from __future__ import annotations

import numpy as np


def to_pcm16(samples: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Return 16-bit samples with triangular dither of +-1 LSB.

    Triangular dither makes the mean and the power of the rounding error independent of the sound
    (Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither", JAES 40, 1992): the error is
    noise and not harmonics.

    Args:
        samples: Any shape; full scale at +-1, beyond which they clip.
        rng: Random generator of the dither; None for no dither, for samples that already have 16
            bits.

    Returns:
        np.ndarray [dtype=int16], of the same shape.
    """
    scaled: np.ndarray = samples * np.float32(2**15)
    if rng is not None:
        dither: np.ndarray = rng.random(samples.shape, dtype=np.float32)
        dither -= rng.random(samples.shape, dtype=np.float32)
        scaled += dither
    return np.asarray(np.clip(np.rint(scaled), -(2**15), 2**15 - 1), dtype=np.int16)


def to_pcm24(samples: np.ndarray) -> np.ndarray:
    """Return samples rounded to 24 bits, in the low 24 bits of an int32.

    There is no dither: at -144 dBFS the rounding error is far below the noise of any converter.

    Args:
        samples: Any shape; full scale at +-1, beyond which they clip.

    Returns:
        np.ndarray [dtype=int32], of the same shape, from -2**23 to 2**23 - 1.
    """
    scaled = np.rint(np.asarray(samples, dtype=np.float64) * 2**23)
    return np.clip(scaled, -(2**23), 2**23 - 1).astype(np.int32)
