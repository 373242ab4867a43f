"""Sample-rate conversion by soxr at its best quality (VHQ: linear phase, images below -150 dB)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import soxr

from lofigen_kit.audio.buffer import MAX_RATE_HZ, MIN_RATE_HZ, AudioBuffer
from lofigen_kit.errors import AudioError


def resample(audio: AudioBuffer, rate_hz: int) -> AudioBuffer:
    """Return a sound at another sample rate; its first frame stays aligned.

    The length is `frames * rate_hz / sample_rate_hz`, rounded to the nearest frame, halves up. The
    sound is extended by silence at both ends.

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
    """Return a piece of music at another sample rate, exactly as long as its score.

    The resampling filter needs frames before the beginning and after the end. For a loop these are
    taken from its other end, so the seam stays smooth; else they are silence.

    Args:
        audio: Any number of channels; missing frames at its end become silence.
        rate_hz: The new rate, 1 to 384 kHz.
        duration_s: Length of the score.
        loop: Whether the end leads into the beginning.

    Raises:
        AudioError: for a rate outside that range.
    """
    padding = audio.sample_rate_hz  # one second: a whole number of frames at any rate
    padded = np.pad(
        audio.samples, ((0, 0), (padding, padding)), mode="wrap" if loop else "constant"
    )
    converted = resample(audio.with_samples(padded), rate_hz).samples
    frames = round(duration_s * rate_hz)
    piece = converted[:, rate_hz : rate_hz + frames]
    missing = frames - piece.shape[1]
    return AudioBuffer(np.pad(piece, ((0, 0), (0, missing))), rate_hz)


def resample_blocks(
    blocks: Iterable[np.ndarray], channels: int, old_hz: int, new_hz: int
) -> Iterator[np.ndarray]:
    """Yield a sound at another sample rate, in constant memory.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        channels: Number of channels.
        old_hz: Sample rate of the input.
        new_hz: Sample rate of the output.

    Yields:
        np.ndarray [shape=(channels, frames), dtype=float32], aligned with the input at its first
        frame; in all as many frames as `resample` returns.
    """
    if old_hz == new_hz:
        yield from blocks
        return
    converter = soxr.ResampleStream(old_hz, new_hz, channels, dtype="float32", quality="VHQ")
    frames_in = frames_out = 0
    for block in blocks:
        frames_in += block.shape[1]
        piece = converter.resample_chunk(np.ascontiguousarray(block.T)).T
        frames_out += piece.shape[1]
        yield piece
    missing = count_resampled_frames(frames_in, old_hz, new_hz) - frames_out
    silence = np.zeros((old_hz // new_hz + 2, channels), np.float32)
    rest = converter.resample_chunk(silence, last=True).T[:, :missing]
    yield np.pad(rest, ((0, 0), (0, missing - rest.shape[1])))


def count_resampled_frames(frames: int, old_hz: int, new_hz: int) -> int:
    """Return the length of a sound in frames at another rate, rounded to nearest, halves up."""
    return (2 * frames * new_hz + old_hz) // (2 * old_hz)


class Oversampler:
    """Runs a waveshaper at a multiple of the sample rate to reduce aliasing, block by block.

    Both resamplers keep their state from block to block, so the block edges leave no trace.

    Args:
        channels: Number of channels.
        factor: The multiple of the sample rate; 1 does not oversample.

    Attributes:
        latency_frames: Number of frames by which the output is delayed.
    """

    def __init__(self, channels: int, factor: int) -> None:
        self.latency_frames = oversampling_latency(factor)
        # One stream per channel: a multichannel stream would interleave and deinterleave.
        self._up = [soxr.ResampleStream(1, factor, 1, quality="VHQ") for _ in range(channels)]
        self._down = [soxr.ResampleStream(factor, 1, 1, quality="VHQ") for _ in range(channels)]
        self._pending = np.zeros((channels, self.latency_frames), np.float32)

    def __call__(self, block: np.ndarray, shape: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return a block of the same length, shaped [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames), dtype=float32].
            shape: The waveshaper: returns an array of the shape of its argument
                [shape=(channels, frames)], and may work in place.
        """
        if not self.latency_frames:
            return shape(block.copy())
        shaped = _resample_channels(
            self._down, shape(_resample_channels(self._up, np.ascontiguousarray(block)))
        )
        frames = block.shape[1]
        output = np.concatenate([self._pending, shaped], axis=1)
        self._pending = output[:, frames:]
        return output[:, :frames]


def oversampling_latency(factor: int) -> int:
    """Return the latency of an `Oversampler` in frames, whatever the block size.

    soxr returns its output irregularly, but never more than 1900 frames late.
    """
    return 2048 if factor > 1 else 0


def resample_samples(samples: np.ndarray, old_hz: int, new_hz: int, frames: int) -> np.ndarray:
    """Return samples at another rate, of exactly `frames` frames.

    Args:
        samples: The sound [shape=(channels, frames), dtype=float32].
        old_hz: Sample rate of the input.
        new_hz: Sample rate of the output.
        frames: Length of the output, at most that of `count_resampled_frames`.

    Returns:
        np.ndarray [shape=(channels, frames), dtype=float32].
    """
    converted = np.empty((samples.shape[0], frames), dtype=np.float32)
    # soxr may round the length down: some silence at the end makes it return the last frame.
    silence = np.zeros(old_hz // new_hz + 2, dtype=np.float32)
    for old, new in zip(samples, converted, strict=True):
        new[:] = soxr.resample(np.concatenate([old, silence]), old_hz, new_hz, "VHQ")[:frames]
    return converted


def _resample_channels(streams: list[soxr.ResampleStream], block: np.ndarray) -> np.ndarray:
    """Resample each channel by its own stream."""
    pairs = zip(streams, block, strict=True)
    return np.stack([stream.resample_chunk(channel) for stream, channel in pairs])
