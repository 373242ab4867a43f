"""The one adapter to pedalboard: shapes, layouts and state are dealt with here, nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pedalboard

from lofigen_kit.audio.buffer import MAX_CHANNELS, AudioBuffer, AudioFormat
from lofigen_kit.errors import RenderError

CHUNK_FRAMES = 8192

_QUIETEST = 1e-9


def run_pedalboard(plugins: Sequence[pedalboard.Plugin], audio: AudioBuffer) -> AudioBuffer:
    """Run pedalboard plugins in order, from a clean state, over a whole sound.

    Pedalboard guesses which axis holds the channels from the array's shape, and guesses wrong (or
    raises) when a sound has no more frames than channels: short sounds are padded with silence
    and cut again. Tails are cut at the sound's end; whoever wants them appends silence first.

    Args:
        plugins: Fresh instances, in order; one instance cannot stand twice in a board.
        audio: What to process.

    Raises:
        RenderError: if a plugin gives samples that are not numbers, or another length.
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
    """Pedalboard plugins that go on from block to block, from a clean state.

    A block longer than the first would wipe what they remember without a word: all blocks are
    equally long, but for the last one of a sound.

    Args:
        plugins: Fresh instances, in order; their parameters may be set between two blocks.
        sound: What is coming.
        latency_frames: How many frames they hold back at most. What comes out comes that much
            later.
    """

    def __init__(
        self, plugins: Sequence[pedalboard.Plugin], sound: AudioFormat, latency_frames: int = 0
    ) -> None:
        self._plugins = plugins
        self._rate_hz = sound.sample_rate_hz
        self._held = np.zeros((sound.channels, latency_frames), np.float32)
        self._chunk_frames = 0

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a block, processed [shape=(channels, frames), dtype=float32]."""
        frames = block.shape[1]
        # Only the last block can be this short, so the silence behind it is never heard.
        missing = MAX_CHANNELS + 1 - frames
        out = np.pad(block, ((0, 0), (0, missing))) if missing > 0 else block
        self._chunk_frames = self._chunk_frames or out.shape[1]
        for plugin in self._plugins:
            out = plugin.process(out, self._rate_hz, self._chunk_frames, reset=False)
        out = np.concatenate([self._held, out], axis=1)
        if out.shape[1] < frames:
            raise RenderError(f"pedalboard held back {frames - out.shape[1]} frames too many")
        self._held = out[:, frames:]
        return out[:, :frames]


class LinkedGain:
    """A pedalboard compressor or gate that turns all channels alike, from block to block.

    pedalboard works on each channel by itself. Run on the level of the loudest one instead, it
    tells the gain for all.

    Args:
        plugin: A fresh instance; its parameters may be set between two blocks.
        sound: What is coming.
    """

    def __init__(self, plugin: pedalboard.Plugin, sound: AudioFormat) -> None:
        self._board = PedalboardChain([plugin], replace(sound, channels=1))

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a block, turned down [shape=(channels, frames), dtype=float32]."""
        level = np.maximum(np.abs(block).max(axis=0, keepdims=True), _QUIETEST)
        return np.asarray(block * (self._board(level) / level))
