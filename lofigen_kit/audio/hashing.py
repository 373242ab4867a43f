"""Hashes of audio, independent of the file format around it."""

from __future__ import annotations

import hashlib

import numpy as np

from lofigen_kit.audio.blocks import split_blocks
from lofigen_kit.audio.buffer import AudioBuffer


def hash_audio(audio: AudioBuffer) -> str:
    """Return the SHA-256 of a whole sound in hexadecimal; see `SoundHash`."""
    digest = SoundHash(audio.channels, audio.sample_rate_hz)
    for block in split_blocks(audio.samples):
        digest.update(block)
    return digest.hexdigest()


class SoundHash:
    """A SHA-256 over rate, channels and all samples of a sound, without any tags.

    Two files with the same samples have the same hash, whatever their format, such as FLAC and WAV
    of 24 bits.

    Args:
        channels: Number of channels.
        sample_rate_hz: Sample rate.
    """

    def __init__(self, channels: int, sample_rate_hz: int) -> None:
        self._digest = hashlib.sha256(f"{sample_rate_hz} Hz {channels} channels\n".encode())

    def update(self, block: np.ndarray) -> None:
        """Add the next block [shape=(channels, frames), dtype=float32]."""
        # + 0 turns -0.0, which integer formats cannot hold, into 0.0.
        self._digest.update(np.ascontiguousarray(block.T + np.float32(0), dtype="<f4").data)

    def hexdigest(self) -> str:
        """Return the hash of all blocks so far in hexadecimal."""
        return self._digest.hexdigest()


def hash_samples(samples: np.ndarray) -> str:
    """Return the SHA-256 of samples of one channel as little-endian float32, in hexadecimal."""
    return hashlib.sha256(samples.astype("<f4").tobytes()).hexdigest()
