"""The adapter to pedalboard: the only place that handles its shapes, layouts and state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pedalboard

from lofigen_kit.audio.buffer import MAX_CHANNELS, AudioBuffer, AudioFormat
from lofigen_kit.errors import RenderError

CHUNK_FRAMES = 8192

_MIN_LEVEL = 1e-9


def run_pedalboard(plugins: Sequence[pedalboard.Plugin], audio: AudioBuffer) -> AudioBuffer:
    """Return a whole sound after pedalboard plugins in series, from a clean state.

    pedalboard guesses from the array's shape which axis holds the channels. It guesses wrong (or
    raises) for a sound with no more frames than channels. So short sounds are padded with silence
    and cut again. Tails are cut at the end of the sound; to keep them, append silence first.

    Args:
        plugins: New instances, in order; one instance cannot be used twice.
        audio: The input.

    Raises:
        RenderError: if a plugin returns NaN, infinity, or another shape.
    """
    if audio.frames == 0:
        return audio
    padding = max(0, MAX_CHANNELS + 1 - audio.frames)
    samples = np.pad(audio.samples, ((0, 0), (0, padding)))
    for plugin in plugins:
        samples = plugin.process(samples, audio.sample_rate_hz, CHUNK_FRAMES, reset=True)
        if samples.shape != (audio.channels, audio.frames + padding):
            raise RenderError(f"{type(plugin).__name__} changed the sound's shape")
        if not np.isfinite(samples).all():
            raise RenderError(f"{type(plugin).__name__} gave samples that are not numbers")
    return audio.with_samples(samples[:, : audio.frames])


class PedalboardChain:
    """Pedalboard plugins in series that keep their state from block to block.

    They start from a clean state. A block longer than the first would silently reset pedalboard's
    state, so all blocks must have the same length, except the last one of a sound.

    Args:
        plugins: New instances, in order; their parameters may be set between two blocks.
        sound: Format of the sound.
        latency_frames: An upper bound of the frames that the plugins hold back; the output is
            delayed by exactly this many frames.
    """

    def __init__(
        self, plugins: Sequence[pedalboard.Plugin], sound: AudioFormat, latency_frames: int = 0
    ) -> None:
        self._plugins = plugins
        self._rate_hz = sound.sample_rate_hz
        self._pending = np.zeros((sound.channels, latency_frames), np.float32)
        self._chunk_frames = 0

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a processed block [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames), dtype=float32].

        Raises:
            RenderError: if the plugins hold back more than `latency_frames`.
        """
        frames = block.shape[1]
        # Only the last block can be this short, so no output is lost to the padding.
        missing = MAX_CHANNELS + 1 - frames
        out = np.pad(block, ((0, 0), (0, missing))) if missing > 0 else block
        self._chunk_frames = self._chunk_frames or out.shape[1]
        for plugin in self._plugins:
            out = plugin.process(out, self._rate_hz, self._chunk_frames, reset=False)
        out = np.concatenate([self._pending, out], axis=1)
        if out.shape[1] < frames:
            raise RenderError(f"pedalboard held back {frames - out.shape[1]} frames too many")
        self._pending = out[:, frames:]
        return out[:, :frames]


class LinkedGain:
    """A pedalboard compressor or gate that applies the same gain to all channels.

    pedalboard processes each channel on its own. Here it processes the level of the loudest
    channel, and the gain of that is applied to all. The state is kept from block to block.

    Args:
        plugin: A new instance; its parameters may be set between two blocks.
        sound: Format of the sound.
    """

    def __init__(self, plugin: pedalboard.Plugin, sound: AudioFormat) -> None:
        self._chain = PedalboardChain([plugin], replace(sound, channels=1))

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a processed block [shape=(channels, frames), dtype=float32].

        Args:
            block: The input [shape=(channels, frames), dtype=float32].
        """
        level = np.maximum(np.abs(block).max(axis=0, keepdims=True), _MIN_LEVEL)
        return np.asarray(block * (self._chain(level) / level))
