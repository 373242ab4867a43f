"""Changes of sample rate, all by soxr's best quality (linear phase, images below -150 dB)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import soxr

from lofigen_kit.audio.buffer import MAX_RATE_HZ, MIN_RATE_HZ, AudioBuffer
from lofigen_kit.errors import AudioError


def resample(audio: AudioBuffer, rate_hz: int) -> AudioBuffer:
    """Return the sound at another sample rate, aligned with the old one at its first frame.

    The length is `frames * rate_hz / sample_rate_hz` rounded to the nearest frame, halves up.
    Silence is assumed before the start and after the end.

    Args:
        audio: Any number of channels.
        rate_hz: The new rate, 1 to 384 kHz.

    Raises:
        AudioError: for a rate outside that range.
    """
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioError(f"a sample rate of {rate_hz} Hz is outside 1 to 384 kHz")
    old_hz = audio.sample_rate_hz
    if rate_hz == old_hz:
        return audio
    frames = count_resampled_frames(audio.frames, old_hz, rate_hz)
    return AudioBuffer(resample_samples(audio.samples, old_hz, rate_hz, frames), rate_hz)


def resample_piece(
    audio: AudioBuffer, rate_hz: int, *, duration_s: float, loop: bool
) -> AudioBuffer:
    """Return a piece of music at another sample rate, as long as its score to the sample.

    A resampling filter looks past both ends: in a loop it finds the other end there, so that the
    seam stays as smooth as the rest; else silence.

    Args:
        audio: Any number of channels; what is missing at its end becomes silence.
        rate_hz: The new rate, 1 to 384 kHz.
        duration_s: The score's length.
        loop: Whether the end leads into the beginning.
    """
    around = audio.sample_rate_hz  # one second, which is whole in frames at any rate
    padded = np.pad(audio.samples, ((0, 0), (around, around)), mode="wrap" if loop else "constant")
    converted = resample(audio.with_samples(padded), rate_hz).samples
    frames = round(duration_s * rate_hz)
    piece = converted[:, rate_hz : rate_hz + frames]
    missing = frames - piece.shape[1]
    return AudioBuffer(np.pad(piece, ((0, 0), (0, missing))), rate_hz)


def resample_blocks(
    blocks: Iterable[np.ndarray], channels: int, old_hz: int, new_hz: int
) -> Iterator[np.ndarray]:
    """Resample a sound as it comes, in constant memory.

    Args:
        blocks: One after the other [shape=(channels, frames), dtype=float32], of any lengths.
        channels: How many there are.
        old_hz: Their rate.
        new_hz: The new one.

    Yields:
        np.ndarray [shape=(channels, frames), dtype=float32], aligned with what came in at its
        first frame; in all as many frames as `resample` gives.
    """
    if old_hz == new_hz:
        yield from blocks
        return
    converter = soxr.ResampleStream(old_hz, new_hz, channels, dtype="float32", quality="VHQ")
    heard = given = 0
    for block in blocks:
        heard += block.shape[1]
        piece = converter.resample_chunk(np.ascontiguousarray(block.T)).T
        given += piece.shape[1]
        yield piece
    missing = count_resampled_frames(heard, old_hz, new_hz) - given
    silence = np.zeros((old_hz // new_hz + 2, channels), np.float32)
    rest = converter.resample_chunk(silence, last=True).T[:, :missing]
    yield np.pad(rest, ((0, 0), (0, missing - rest.shape[1])))


def count_resampled_frames(frames: int, old_hz: int, new_hz: int) -> int:
    """Return how many frames a sound has at another rate: the nearest number, halves up."""
    return (2 * frames * new_hz + old_hz) // (2 * old_hz)


class Oversampler:
    """Runs a waveshaper at a multiple of the rate, so that it aliases less, block by block.

    The blocks' edges leave no trace: both resamplers go on from one block to the next.

    Args:
        channels: How many channels each block has.
        factor: How many times the rate; 1 is no oversampling.

    Attributes:
        late: How many frames later the sound comes out than it goes in.
    """

    def __init__(self, channels: int, factor: int) -> None:
        self.late = oversampling_latency(factor)
        # One for each channel: several at once would be interleaved and taken apart again.
        self._up = [soxr.ResampleStream(1, factor, 1, quality="VHQ") for _ in range(channels)]
        self._down = [soxr.ResampleStream(factor, 1, 1, quality="VHQ") for _ in range(channels)]
        self._waiting = np.zeros((channels, self.late), np.float32)

    def __call__(self, block: np.ndarray, shape: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return as long a block, shaped [shape=(channels, frames), dtype=float32].

        Args:
            block: [shape=(channels, frames), dtype=float32].
            shape: From samples [shape=(channels, frames)] to as many; it may work in place.
        """
        if not self.late:
            return shape(block.copy())
        shaped = _resample_channels(
            self._down, shape(_resample_channels(self._up, np.ascontiguousarray(block)))
        )
        frames = block.shape[1]
        done = np.concatenate([self._waiting, shaped], axis=1)
        self._waiting = done[:, frames:]
        return done[:, :frames]


def oversampling_latency(factor: int) -> int:
    """Return how many frames late an `Oversampler` is, whatever its blocks.

    soxr hands out what it has when it likes, at most 1900 frames late.
    """
    return 2048 if factor > 1 else 0


def resample_samples(samples: np.ndarray, old_hz: int, new_hz: int, frames: int) -> np.ndarray:
    """Resample float32 samples [shape=(channels, frames)] to exactly `frames` frames."""
    converted = np.empty((samples.shape[0], frames), dtype=np.float32)
    # soxr may round its length down: a little silence behind lets it finish the last frame.
    silence = np.zeros(old_hz // new_hz + 2, dtype=np.float32)
    for old, new in zip(samples, converted, strict=True):
        new[:] = soxr.resample(np.concatenate([old, silence]), old_hz, new_hz, "VHQ")[:frames]
    return converted


def _resample_channels(streams: list[soxr.ResampleStream], block: np.ndarray) -> np.ndarray:
    """Run each channel through its stream."""
    pairs = zip(streams, block, strict=True)
    return np.stack([stream.resample_chunk(channel) for stream, channel in pairs])
