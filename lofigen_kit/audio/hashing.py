"""Hashes of what is heard, whatever the file around it."""

from __future__ import annotations

import hashlib

import numpy as np

from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.audio.buffer import AudioBuffer


def hash_audio(audio: AudioBuffer) -> str:
    """Return a hash of a whole sound; see `SoundHash`."""
    digest = SoundHash(audio.channels, audio.sample_rate_hz)
    for block in split_blocks(audio.samples):
        digest.update(block)
    return digest.hexdigest()


class SoundHash:
    """A hash of what is heard: rate, channels and every sample in time, and no tag.

    Two files with the same samples agree, whatever their format: FLAC and WAV of 24 bits do.
    """

    def __init__(self, channels: int, sample_rate_hz: int) -> None:
        self._digest = hashlib.sha256(f"{sample_rate_hz} Hz {channels} channels\n".encode())

    def update(self, block: np.ndarray) -> None:
        """Take in what comes next [shape=(channels, frames), dtype=float32]."""
        # + 0 makes -0.0, which no integer format can hold, the same as 0.0.
        self._digest.update(np.ascontiguousarray(block.T + np.float32(0), dtype="<f4").data)

    def hexdigest(self) -> str:
        """Return the hash of all that was taken in."""
        return self._digest.hexdigest()


def hash_samples(samples: np.ndarray) -> str:
    """Return the hash of one channel as little-endian float32, whatever the file around it."""
    return hashlib.sha256(samples.astype("<f4").tobytes()).hexdigest()
