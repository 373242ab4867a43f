"""From float samples to integers, with the error made noise or left alone."""

from __future__ import annotations

import numpy as np


def to_pcm16(samples: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Return 16-bit samples with triangular dither of +-1 LSB.

    Triangular dither makes the mean and the power of the rounding error independent of the sound
    (Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither", JAES 40, 1992): what falls
    below the last bit becomes noise, not harmonics.

    Args:
        samples: Full scale at +-1, of any shape; beyond it they clip.
        rng: Where the dither comes from; None leaves it out, for samples of 16 bits already.

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

    No dither: at -144 dBFS the rounding error lies far below any converter's own noise.

    Args:
        samples: Full scale at +-1, of any shape; beyond it they clip.

    Returns:
        np.ndarray [dtype=int32], of the same shape, within -2**23 to 2**23 - 1.
    """
    scaled = np.rint(np.asarray(samples, dtype=np.float64) * 2**23)
    return np.clip(scaled, -(2**23), 2**23 - 1).astype(np.int32)
