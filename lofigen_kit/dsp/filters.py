"""Recursive filters, on whole sounds and block by block."""

from __future__ import annotations

import numpy as np
from scipy import signal

from lofigen_kit.audio import AudioBuffer


def filtered(audio: AudioBuffer, sections: np.ndarray) -> AudioBuffer:
    """Run second-order sections over every channel, from rest, in double precision.

    In single precision a filter whose corner lies far below the sample rate is noisy or unstable.

    Args:
        audio: Any number of channels.
        sections: As `scipy.signal.butter(..., output="sos")` gives them [shape=(sections, 6)].
    """
    if audio.frames == 0:  # which scipy refuses
        return audio
    return audio.with_samples(signal.sosfilt(sections, audio.samples.astype(np.float64)))


class Sections:
    """Second-order sections that go on from block to block, from rest, in double precision.

    The coefficients may change between two blocks; what the filter remembers does not.

    Args:
        channels: How many channels each block has.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._state: np.ndarray | None = None

    def __call__(self, block: np.ndarray, sections: np.ndarray) -> np.ndarray:
        """Return a block, filtered [shape=(channels, frames), dtype=float32].

        Args:
            block: [shape=(channels, frames)], with at least one frame.
            sections: [shape=(sections, 6)]; always as many.
        """
        if self._state is None:
            self._state = np.zeros((len(sections), self._channels, 2))
        filtered, self._state = signal.sosfilt(sections, block.astype(np.float64), zi=self._state)
        return np.asarray(filtered, np.float32)
