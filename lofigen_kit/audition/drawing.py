"""Compute the data of a sound's picture: a waveform coloured by spectrum, and a spectrogram.

The page applies the colours, so that they follow its theme. 200 sounds take about 2 MB.
"""

from __future__ import annotations

import numpy as np

from lofigen_kit.audio.buffer import AudioBuffer

COLUMNS, ROWS = 360, 40
LOWEST_HZ, HIGHEST_HZ = 40.0, 16_000.0
BAND_EDGES_HZ = (200.0, 2000.0)
BAND_WEIGHTS = (1.0, 2.0, 8.0)
"""Weights of the low, middle and high band: music has less energy at high frequencies."""
RANGE_DB = 66.0
LEVELS = 15

_WINDOW = 2048
_FRAMES_PER_COLUMN = 2


def draw_sound(audio: AudioBuffer) -> tuple[bytes, bytes]:
    """Return the data of waveform and spectrogram, both with `COLUMNS` columns.

    Returns:
        waveform: Four bytes for each column: peak, RMS (255 is full scale), and the shares of the
            middle and the high band (the rest of 255 is the low band's).
        spectrogram: `ROWS` rows from high to low, on a logarithmic frequency scale, with four bits
            for each column, the first of two in the upper bits: 15 is the loudest point of the
            sound, 0 is `RANGE_DB` below.
    """
    mono = audio.samples.mean(axis=0)
    power, bins_hz = _power(mono, audio.sample_rate_hz)
    wave = np.column_stack([*_measure_levels(audio.samples), *_measure_bands(power, bins_hz)])
    return wave.astype(np.uint8).tobytes(), _spectrogram(power, bins_hz)


def _measure_levels(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the peak and the RMS of each column, 0 to 255."""
    frames = samples.shape[1]
    edges = np.linspace(0, frames, COLUMNS, endpoint=False).astype(np.intp)
    peaks = np.maximum.reduceat(np.maximum(samples.max(axis=0), -samples.min(axis=0)), edges)
    power = np.add.reduceat(np.mean(samples**2, axis=0, dtype=np.float32), edges)
    counts = np.maximum(np.diff(edges, append=frames), 1)
    return _byte(peaks), _byte(np.sqrt(power / counts))


def _byte(amplitude: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(255.0 * np.clip(amplitude, 0.0, 1.0)))


def _power(mono: np.ndarray, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the power of each column [shape=(columns, bins)], and the bins' frequencies."""
    from scipy import fft

    padded = np.pad(mono, _WINDOW // 2)
    starts = np.linspace(0, len(mono), _FRAMES_PER_COLUMN * COLUMNS, endpoint=False).astype(np.intp)
    window = np.hanning(_WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[starts] * window
    spectra = fft.rfft(frames)
    power = spectra.real**2 + spectra.imag**2
    columns = power.reshape(COLUMNS, _FRAMES_PER_COLUMN, -1).sum(axis=1) / _FRAMES_PER_COLUMN
    return columns, np.fft.rfftfreq(_WINDOW, 1.0 / rate_hz)


def _measure_bands(power: np.ndarray, bins_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of the middle and the high band in each column, 0 to 255."""
    bands = np.searchsorted(BAND_EDGES_HZ, bins_hz)
    energy = np.column_stack([power[:, bands == band].sum(axis=1) for band in range(3)])
    weighted = np.sqrt(energy) * np.array(BAND_WEIGHTS)
    shares = weighted / np.maximum(weighted.sum(axis=1, keepdims=True), 1e-12)
    return tuple(np.floor(255.0 * shares[:, 1:].T))


def _spectrogram(power: np.ndarray, bins_hz: np.ndarray) -> bytes:
    """Return rows of four bits for each column, from high to low frequencies."""
    rows = power @ _make_triangles(bins_hz).T
    loudest = rows.max()
    if loudest <= 0.0:
        return bytes(ROWS * COLUMNS // 2)
    below_db = 10.0 * np.log10(np.maximum(rows / loudest, 1e-12))
    levels = np.rint(LEVELS * np.clip(1.0 + below_db / RANGE_DB, 0.0, 1.0)).astype(np.uint8)
    downward = levels.T[::-1]
    pairs: np.ndarray = downward[:, 0::2] << 4 | downward[:, 1::2]
    return pairs.tobytes()


def _make_triangles(bins_hz: np.ndarray) -> np.ndarray:
    """Return triangular filters of equal area, evenly spaced in pitch [shape=(rows, bins)]."""
    centres = np.geomspace(LOWEST_HZ, HIGHEST_HZ, ROWS)
    ratio = centres[1] / centres[0]
    widths = np.maximum(centres * (ratio - 1.0), bins_hz[1])
    triangles = np.maximum(1.0 - np.abs(bins_hz - centres[:, None]) / widths[:, None], 0.0)
    # Rows above half the sample rate have no bins, and stay empty.
    return np.asarray(triangles / np.maximum(triangles.sum(axis=1, keepdims=True), 1e-12), "f4")
