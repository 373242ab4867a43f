"""Sounds in blocks: splitting a sound, and changing the block size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

BLOCK = 8192
"""Frames in a block; the last block of a sound may be shorter."""

Blocks = Iterator[np.ndarray]
"""The blocks of a sound, in order [shape=(channels, frames), dtype=float32]."""


def split_blocks(samples: np.ndarray, size: int = BLOCK) -> Blocks:
    """Yield a whole sound [shape=(channels, frames)] in blocks; the last block may be shorter."""
    for start in range(0, samples.shape[1], size):
        yield samples[:, start : start + size]


def rechunk(pieces: Iterable[np.ndarray], size: int) -> Blocks:
    """Yield a sound in blocks of one size; the last block may be shorter.

    Args:
        pieces: The sound, in pieces of any size [shape=(channels, frames)].
        size: Frames in each block.
    """
    pending: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        pending.append(piece)
        count += piece.shape[1]
        if count < size:
            continue
        joined = np.concatenate(pending, axis=1) if len(pending) > 1 else piece
        full_frames = count - count % size
        yield from split_blocks(joined[:, :full_frames], size)
        pending, count = [joined[:, full_frames:]], count - full_frames
    if count:
        yield np.concatenate(pending, axis=1)
