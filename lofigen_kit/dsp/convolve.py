"""Convolution with long responses, on from block to block."""

from __future__ import annotations

from collections import deque

import numpy as np
from scipy import fft


class Convolver:
    """Convolution block by block, without latency, in time that grows little with the response.

    The response is cut into parts of a block's length. The spectrum of each block is kept for as
    long as a part of the response waits for it (uniformly partitioned overlap-save: T. G.
    Stockham, 1966; W. G. Gardner, "Efficient convolution without input-output delay", 1995).
    All blocks are equally long, but for the last one of a sound.

    Args:
        response: One for each channel [shape=(channels, frames)].
    """

    def __init__(self, response: np.ndarray) -> None:
        self._response = response
        self._parts = np.zeros((0, len(response), 0))
        self._past = np.zeros((len(response), 0))
        self._spectra: deque[np.ndarray] = deque()

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a block, convolved [shape=(channels, frames), dtype=float32]."""
        if len(self._parts) == 0:
            self._begin(block.shape[1])
        size = self._past.shape[1]
        new = np.pad(block, ((0, 0), (0, size - block.shape[1])))
        self._spectra.appendleft(fft.rfft(np.concatenate([self._past, new], axis=1), axis=1))
        self._past = new.astype(np.float64)
        # Of the first blocks, not every part has a past.
        total = sum(
            spectrum * part for spectrum, part in zip(self._spectra, self._parts, strict=False)
        )
        out = fft.irfft(total, 2 * size, axis=1)[:, size : size + block.shape[1]]
        return np.asarray(out, np.float32)

    def _begin(self, size: int) -> None:
        channels, frames = self._response.shape
        count = -(-frames // size)
        padded = np.pad(self._response, ((0, 0), (0, count * size - frames)))
        parts = padded.reshape(channels, count, size).transpose(1, 0, 2)
        self._parts = fft.rfft(parts, 2 * size, axis=2)
        self._spectra = deque(maxlen=count)
        self._past = np.zeros((channels, size))
