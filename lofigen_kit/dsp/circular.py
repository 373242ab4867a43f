"""Endless textures, made seamless under a loop by crossfades."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Texture = Callable[[int], np.ndarray]
"""Takes a number of frames and returns the next frames of an endless sound
[shape=(channels, frames)]."""


class CircularTexture:
    """A texture of fixed length whose end leads into its beginning without a seam.

    The frames that would come before the beginning are generated first. Towards the end, the
    texture crossfades to them at equal power.

    Args:
        texture: The endless sound.
        frames: Length of the result.
        fade: Length of the crossfade in frames; shortened to half of `frames` if that is less.
    """

    def __init__(self, texture: Texture, frames: int, fade: int) -> None:
        self._texture = texture
        self._pre_roll = texture(max(1, min(fade, frames // 2)))
        self._remaining = frames

    def __call__(self, count: int) -> np.ndarray:
        """Return the next frames [shape=(channels, count)]."""
        piece = self._texture(count)
        fade = self._pre_roll.shape[1]
        fade_index = np.arange(count) + fade - self._remaining
        self._remaining -= count
        in_fade = fade_index >= 0
        if not in_fade.any():
            return piece
        angle = 0.5 * np.pi * fade_index[in_fade] / fade
        pre_roll = self._pre_roll[:, fade_index[in_fade]]
        return np.concatenate(
            [piece[:, ~in_fade], np.cos(angle) * piece[:, in_fade] + np.sin(angle) * pre_roll],
            axis=1,
        )


class LoopedRecording:
    """A recording that repeats without end: each time, its end crossfades into its beginning.

    Args:
        samples: The recording [shape=(channels, frames)].
        fade: Length of the crossfade in frames; shortened to half of the recording if that is less.
        start: The first frame to return.

    Attributes:
        cycle: One repetition, with the crossfade at its beginning
            [shape=(channels, frames - fade)].
    """

    def __init__(self, samples: np.ndarray, fade: int, start: int) -> None:
        fade = min(fade, samples.shape[1] // 2)
        angle = 0.5 * np.pi * np.arange(fade) / max(fade, 1)
        end = samples.shape[1] - fade
        self.cycle = samples[:, :end].copy()
        self.cycle[:, :fade] *= np.sin(angle)
        self.cycle[:, :fade] += np.cos(angle) * samples[:, end:]
        self._position = start

    def __call__(self, frames: int) -> np.ndarray:
        """Return the next frames [shape=(channels, frames)]."""
        indices = np.arange(self._position, self._position + frames) % self.cycle.shape[1]
        self._position += frames
        return self.cycle[:, indices]
