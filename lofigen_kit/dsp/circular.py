"""Endless sounds, and how they come round, so that they may lie under a loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Texture = Callable[[int], np.ndarray]
"""From a number of frames to the next so many of an endless sound [shape=(channels, frames)]."""


class CircularTexture:
    """Lets the end of a texture lead into its beginning, with no seam.

    What would sound before the beginning is made first; towards the end, the texture fades over
    to it at equal power.

    Args:
        texture: The endless sound.
        frames: How much of it is to be heard.
        fade: Over how many frames it fades, if there are twice as many.
    """

    def __init__(self, texture: Texture, frames: int, fade: int) -> None:
        self._texture = texture
        self._before = texture(max(1, min(fade, frames // 2)))
        self._left = frames

    def __call__(self, count: int) -> np.ndarray:
        """Return the next frames [shape=(channels, count)]."""
        piece = self._texture(count)
        fade = self._before.shape[1]
        place = np.arange(count) + fade - self._left
        self._left -= count
        late = place >= 0
        if not late.any():
            return piece
        angle = 0.5 * np.pi * place[late] / fade
        before = self._before[:, place[late]]
        return np.concatenate(
            [piece[:, ~late], np.cos(angle) * piece[:, late] + np.sin(angle) * before], axis=1
        )


class LoopedRecording:
    """A recording again and again: each time, its end fades over into its beginning.

    Args:
        samples: The recording [shape=(channels, frames)].
        fade: Over how many frames it fades, if there are twice as many.
        first: From which frame on it is heard.
    """

    def __init__(self, samples: np.ndarray, fade: int, first: int) -> None:
        fade = min(fade, samples.shape[1] // 2)
        angle = 0.5 * np.pi * np.arange(fade) / max(fade, 1)
        end = samples.shape[1] - fade
        self.once = samples[:, :end].copy()
        self.once[:, :fade] *= np.sin(angle)
        self.once[:, :fade] += np.cos(angle) * samples[:, end:]
        self._next = first

    def __call__(self, frames: int) -> np.ndarray:
        """Return the next frames [shape=(channels, frames)]."""
        places = np.arange(self._next, self._next + frames) % self.once.shape[1]
        self._next += frames
        return self.once[:, places]
