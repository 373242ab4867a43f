"""Interpolation: reading a sound between its samples."""

from __future__ import annotations

from functools import cache

import numba
import numpy as np

TAPS = 32
BEFORE = TAPS // 2 - 1
"""Number of taps before the frame that precedes a position."""

PHASES = 512
_KAISER_BETA = 8.0  # images at -80 dB; flat up to 0.84 of the Nyquist frequency


def read_at(samples: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return every channel at fractional positions, by a 32-tap Kaiser-windowed sinc.

    Before its first and after its last sample the sound is held at its edge values, so neither end
    makes a step.

    Args:
        samples: The sound [shape=(channels, frames), dtype=float32].
        positions: Where to read, in frames, from 0 to frames - 1 [shape=(reads,)].

    Returns:
        np.ndarray [shape=(channels, reads), dtype=float32].
    """
    if not samples.shape[1]:
        return np.zeros((samples.shape[0], 0), np.float32)
    padded = np.pad(samples, ((0, 0), (BEFORE, TAPS - BEFORE)), mode="edge")
    return read_within(padded, positions + BEFORE)


def read_within(samples: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return what `read_at` does, for positions whose taps all lie within the sound.

    Args:
        samples: The sound [shape=(channels, frames), dtype=float32].
        positions: Where to read, in frames, from BEFORE to frames - TAPS + BEFORE [shape=(reads,)].

    Returns:
        np.ndarray [shape=(channels, reads), dtype=float32].
    """
    out = np.empty((samples.shape[0], len(positions)), dtype=np.float32)
    if out.size:
        _read(samples, positions - BEFORE, _sinc_table(), out)
    return out


@cache
def _sinc_table() -> np.ndarray:
    """Return the windowed sinc at each phase, of unit gain at 0 Hz [shape=(PHASES + 1, TAPS)]."""
    phases = np.arange(PHASES + 1)[:, None] / PHASES
    distance = np.arange(TAPS) - BEFORE - phases
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (distance / (TAPS / 2)) ** 2)))
    table = np.sinc(distance) * window
    return np.asarray(table / table.sum(axis=1, keepdims=True), dtype=np.float32)


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _read(held: np.ndarray, positions: np.ndarray, table: np.ndarray, out: np.ndarray) -> None:
    channels, reads = out.shape
    taps = table.shape[1]  # TAPS: with a constant, the loop is unrolled and not vectorised
    for n in range(reads):
        whole = int(positions[n])
        phase = (positions[n] - whole) * PHASES
        row = int(phase)
        blend = np.float32(phase - row)
        first, second = table[row], table[row + 1]
        for channel in range(channels):
            heard = held[channel, whole : whole + taps]
            here = np.float32(0.0)
            for tap in range(taps):
                here += (first[tap] + blend * (second[tap] - first[tap])) * heard[tap]
            out[channel, n] = here
