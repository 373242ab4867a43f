"""The one adapter to pedalboard: shapes, layouts and state are dealt with here, nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pedalboard

from lofigen_kit.audio import MAX_CHANNELS, AudioBuffer
from lofigen_kit.errors import RenderError

_CHUNK_FRAMES = 8192


def run_board(plugins: Sequence[pedalboard.Plugin], audio: AudioBuffer) -> AudioBuffer:
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
        samples = plugin.process(samples, audio.sample_rate_hz, _CHUNK_FRAMES, reset=True)
        if samples.shape != (audio.channels, audio.frames + padding):
            raise RenderError(f"{type(plugin).__name__} changed the sound's shape")
        if not np.isfinite(samples).all():
            raise RenderError(f"{type(plugin).__name__} gave samples that are not numbers")
    return audio.with_samples(samples[:, : audio.frames])


class Board:
    """A pedalboard plugin that goes on from block to block, from a clean state.

    A block larger than the first wipes the plugin's state without a word; the rack's blocks are
    all of one size, but for the last, which may be shorter.

    Args:
        plugin: A fresh instance; its parameters may be set between two blocks.
        sample_rate_hz: Frames a second.
    """

    def __init__(self, plugin: pedalboard.Plugin, sample_rate_hz: int) -> None:
        self._plugin = plugin
        self._rate_hz = sample_rate_hz
        plugin.reset()

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a block, processed [shape=(channels, frames), dtype=float32].

        Raises:
            RenderError: if the plugin gives another length.
        """
        # As above; only a sound's last block is so short that silence behind it does no harm.
        padding = max(0, MAX_CHANNELS + 1 - block.shape[1])
        samples = np.pad(block, ((0, 0), (0, padding))) if padding else block
        out = self._plugin.process(samples, self._rate_hz, samples.shape[1], reset=False)
        if out.shape != samples.shape:
            raise RenderError(f"{type(self._plugin).__name__} changed the sound's shape")
        return np.asarray(out[:, : block.shape[1]])
