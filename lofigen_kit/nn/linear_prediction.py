"""Linear prediction: the starting point of a network, and a baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import linalg, signal

ORDER = 32
NOISE = 1.5e-2
"""Standard deviation of noise added to the past, which keeps the gain of the predictor small."""


def fit_linear_predictor(
    songs: Sequence[np.ndarray], *, order: int = ORDER, noise: float = NOISE
) -> tuple[np.ndarray, float]:
    """Fit a linear predictor by the autocorrelation method (Makhoul, 1975).

    Args:
        songs: Waveforms [shape=(frames,)], weighted by their lengths.
        order: Number of past samples.
        noise: Standard deviation of the white noise assumed in the past samples.

    Returns:
        The coefficients, newest sample first [shape=(order,)], and the standard deviation of the
        prediction error on these songs.
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
    """Return the prediction error of each sample with a complete past [shape=(frames - order,)].

    Args:
        song: A waveform [shape=(frames,)].
        coefficients: As `fit_linear_predictor` returns them [shape=(order,)].
    """
    whitening = np.concatenate([[1.0], -coefficients])
    return np.asarray(signal.lfilter(whitening, [1.0], song)[len(coefficients) :])


def _autocorrelation(song: np.ndarray, order: int) -> np.ndarray:
    spectrum = np.fft.rfft(song, 2 * len(song))
    return np.fft.irfft(np.abs(spectrum) ** 2)[: order + 1]
