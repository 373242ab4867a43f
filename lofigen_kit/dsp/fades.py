"""Fade-in and fade-out of a sound that is not a loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lofigen_kit.audio.buffer import AudioFormat


def apply_fades(
    blocks: Iterable[np.ndarray], sound: AudioFormat, *, fade_in_ms: float, fade_out_ms: float
) -> Iterator[np.ndarray]:
    """Yield a sound with a fade-in and a fade-out, each along half a cosine.

    Args:
        blocks: The sound, in pieces of any size [shape=(channels, frames), dtype=float32].
        sound: Format of the sound; an endless one gets no fade-out.
        fade_in_ms: Length of the fade-in; 0 for none.
        fade_out_ms: Length of the fade-out; 0 for none.

    Yields:
        np.ndarray [shape=(channels, frames), dtype=float32], of the sizes of the input.
    """
    start = 0
    for block in blocks:
        frames = start + np.arange(block.shape[1])
        gains = _compute_fade_gain(frames, sound, fade_in_ms)
        if not sound.endless:
            gains *= _compute_fade_gain(sound.frames - 1 - frames, sound, fade_out_ms)
        yield block * gains.astype(np.float32)
        start += block.shape[1]


def _compute_fade_gain(frames: np.ndarray, sound: AudioFormat, fade_ms: float) -> np.ndarray:
    """Return the gain at each number of frames from the silent end [shape=(frames,)]."""
    length = max(1, round(fade_ms / 1000.0 * sound.sample_rate_hz))
    progress = np.clip(frames / length, 0.0, 1.0) if fade_ms else np.ones(len(frames))
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * progress))
