"""A sound that comes in blocks: cut into them, and joined to blocks of one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

BLOCK = 8192
"""Frames in a block, but for the last one of a sound."""

Blocks = Iterator[np.ndarray]
"""Pieces of a sound, in order [shape=(channels, frames), dtype=float32]."""


def split_blocks(samples: np.ndarray, size: int = BLOCK) -> Blocks:
    """Yield a whole sound in blocks."""
    for start in range(0, samples.shape[1], size):
        yield samples[:, start : start + size]


def rechunk(pieces: Iterable[np.ndarray], size: int) -> Blocks:
    """Yield a sound that comes in pieces of any size in blocks of one size; the last is shorter."""
    waiting: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += piece.shape[1]
        if count < size:
            continue
        whole = np.concatenate(waiting, axis=1) if len(waiting) > 1 else piece
        full = count - count % size
        yield from split_blocks(whole[:, :full], size)
        waiting, count = [whole[:, full:]], count - full
    if count:
        yield np.concatenate(waiting, axis=1)
