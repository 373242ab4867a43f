"""Convolution with long impulse responses, block by block."""

from __future__ import annotations

from collections import deque

import numpy as np
from scipy import fft


class Convolver:
    """Convolution block by block, without latency, at a cost that grows slowly with the response.

    The response is cut into parts of one block length. The spectrum of each input block is kept
    until every part of the response has used it (uniformly partitioned overlap-save: T. G.
    Stockham, 1966; W. G. Gardner, "Efficient convolution without input-output delay", 1995). All
    blocks have the same length, except the last one of a sound.

    Args:
        response: One impulse response for each channel [shape=(channels, frames)].
    """

    def __init__(self, response: np.ndarray) -> None:
        self._response = response
        self._parts = np.zeros((0, len(response), 0))
        self._past = np.zeros((len(response), 0))
        self._spectra: deque[np.ndarray] = deque()

    @property
    def has_input(self) -> bool:
        """Whether it was given anything yet."""
        return len(self._parts) > 0

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a convolved block [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames)].
        """
        if len(self._parts) == 0:
            self._transform_response(block.shape[1])
        size = self._past.shape[1]
        padded = np.pad(block, ((0, 0), (0, size - block.shape[1])))
        self._spectra.appendleft(fft.rfft(np.concatenate([self._past, padded], axis=1), axis=1))
        self._past = padded.astype(np.float64)
        # For the first blocks, there are more parts than input spectra.
        total = sum(
            spectrum * part for spectrum, part in zip(self._spectra, self._parts, strict=False)
        )
        out = fft.irfft(total, 2 * size, axis=1)[:, size : size + block.shape[1]]
        return np.asarray(out, np.float32)

    def _transform_response(self, size: int) -> None:
        """Cut the response into parts of `size` frames and keep their spectra."""
        channels, frames = self._response.shape
        count = -(-frames // size)
        response = np.pad(self._response, ((0, 0), (0, count * size - frames)))
        parts = response.reshape(channels, count, size).transpose(1, 0, 2)
        self._parts = fft.rfft(parts, 2 * size, axis=2)
        self._spectra = deque(maxlen=count)
        self._past = np.zeros((channels, size))
