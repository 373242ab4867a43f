"""Linear prediction: the starting point of a network, a baseline, and the noise in a recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import linalg, signal

ORDER = 32
NOISE = 1.5e-2
"""Standard deviation of noise added to the past, which keeps the gain of the predictor small."""

INNOVATION_FLOOR = 1e-3
"""Deviation below which a prediction error is not the sound's noise, but rounding, or a rest."""
INNOVATION_PEAK = 4.0
_LOCAL_ORDER = 24
_LOCAL_NOISE = 0.3
_HOP, _WINDOW = 256, 768
"""Frames that share a predictor, and those to which it is fitted: 10 and 32 ms at 24 kHz."""
_LEVEL_FRAMES = 95
"""Over how many frames, under a Hann window, the level of the error is measured."""


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


def compute_innovation(song: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the white noise of deviation 1 from which a sound's own noise can be made.

    It is the error of a linear prediction that is fitted anew every few milliseconds, at a constant
    level. What can be predicted, tones, is not in it, nor how loud the noise is or what colour it
    has. Where the error is below `INNOVATION_FLOOR`, it is fresh noise.

    Args:
        song: A waveform [shape=(frames,)].
        rng: Draws the noise of the floor.

    Returns:
        np.ndarray [shape=(frames,), dtype=float32], within `INNOVATION_PEAK`.
    """
    if not len(song):
        return np.zeros(0, np.float32)
    errors = np.zeros(len(song))
    for first in range(0, len(song), _HOP):
        errors[first : first + _HOP] = _predict_locally(song, first)
    window = np.hanning(_LEVEL_FRAMES + 2)[1:-1]
    power = signal.convolve(errors**2, window / window.sum(), mode="same", method="direct")
    errors += INNOVATION_FLOOR * rng.standard_normal(len(song))
    innovation = errors / np.sqrt(power + INNOVATION_FLOOR**2)
    return np.asarray(np.clip(innovation, -INNOVATION_PEAK, INNOVATION_PEAK), np.float32)


def _predict_locally(song: np.ndarray, first: int) -> np.ndarray:
    """Return the prediction errors of `_HOP` samples by a predictor that is fitted around them."""
    margin = (_WINDOW - _HOP) // 2
    stretch = np.zeros(_WINDOW)
    start, stop = max(first - margin, 0), min(first - margin + _WINDOW, len(song))
    stretch[start - first + margin : stop - first + margin] = song[start:stop]
    window = np.hanning(_WINDOW)
    moments = _autocorrelation(stretch * window, _LOCAL_ORDER) / np.sum(window**2)
    row = moments[:_LOCAL_ORDER].copy()
    row[0] += (_LOCAL_NOISE * INNOVATION_FLOOR) ** 2
    coefficients = linalg.solve_toeplitz(row, moments[1:])
    whitening = np.concatenate([[1.0], -coefficients])
    end = margin + min(_HOP, len(song) - first)
    return np.asarray(np.convolve(stretch[:end], whitening)[margin:end])


def _autocorrelation(song: np.ndarray, order: int) -> np.ndarray:
    spectrum = np.fft.rfft(song, 2 * len(song))
    return np.fft.irfft(np.abs(spectrum) ** 2)[: order + 1]
