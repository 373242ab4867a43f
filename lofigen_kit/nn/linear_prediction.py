"""Linear prediction: where a network starts, and what it must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import linalg, signal

ORDER = 32
NOISE = 1.5e-2
"""The deviation of the noise that a predictor is made to bear: it keeps its own gain small."""


def fit_linear_predictor(
    songs: Sequence[np.ndarray], *, order: int = ORDER, noise: float = NOISE
) -> tuple[np.ndarray, float]:
    """Fit a linear predictor by the autocorrelation method (Makhoul, 1975).

    Args:
        songs: Waveforms [shape=(frames,)], weighted by their lengths.
        order: How many past samples.
        noise: Deviation of white noise that is taken to lie upon the past.

    Returns:
        The coefficients, the newest sample's first [shape=(order,)], and the deviation of the
        error on these songs.
    """
    moments = np.zeros(order + 1)
    for song in songs:
        moments += _autocorrelation(song.astype(np.float64), order)
    moments /= sum(len(song) for song in songs)
    row = moments[:order].copy()
    row[0] += noise**2
    coefficients = linalg.solve_toeplitz(row, moments[1:])
    errors = [compute_residual(song, coefficients) for song in songs]
    return np.asarray(coefficients), float(np.concatenate(errors).std())


def compute_residual(song: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the error of each prediction that has its whole past [shape=(frames - order,)]."""
    whitening = np.concatenate([[1.0], -coefficients])
    return np.asarray(signal.lfilter(whitening, [1.0], song)[len(coefficients) :])


def _autocorrelation(song: np.ndarray, order: int) -> np.ndarray:
    spectrum = np.fft.rfft(song, 2 * len(song))
    return np.fft.irfft(np.abs(spectrum) ** 2)[: order + 1]
