"""Sounds that come in pieces, and what an effect has to see of their neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

Ends = Literal["wrap", "symmetric", "edge", "constant"]
"""What lies around a sound: itself, as it goes round; its mirror image; its ends, held; nothing."""


def split_windows(pieces: Iterable[np.ndarray], size: int, margin: int) -> Iterator[np.ndarray]:
    """Yield blocks of one size with a margin of their neighbours on either side.

    Args:
        pieces: Pieces of any size, which begin and end with a margin [shape=(channels, frames)].
        size: Frames in each block, without its margins; the last is shorter.
        margin: Frames that are to be seen on either side.
    """
    waiting: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        waiting.append(piece)
        count += piece.shape[1]
        if count < size + 2 * margin:
            continue
        whole = np.concatenate(waiting, axis=1) if len(waiting) > 1 else piece
        while count >= size + 2 * margin:
            yield whole[:, : size + 2 * margin]
            whole, count = whole[:, size:], count - size
        waiting = [whole]
    if count > 2 * margin:
        yield np.concatenate(waiting, axis=1)


def pad_ends(pieces: Iterable[np.ndarray], margin: int, ends: Ends) -> Iterator[np.ndarray]:
    """Yield a sound with a margin before its beginning and after its end.

    To go round, it has to be held as a whole; else no more than a margin is.

    Args:
        pieces: Pieces of any size [shape=(channels, frames)].
        margin: Frames to add on either side.
        ends: What they are.
    """
    if ends == "wrap":
        yield np.pad(np.concatenate(list(pieces), axis=1), ((0, 0), (margin, margin)), ends)
        return
    kept: np.ndarray | None = None
    begun = False
    for piece in pieces:
        kept = piece if kept is None else np.concatenate([kept, piece], axis=1)
        if kept.shape[1] < margin:
            continue
        if not begun:
            yield np.pad(kept, ((0, 0), (margin, 0)), ends)[:, :margin]
            begun = True
        yield kept[:, : kept.shape[1] - margin]
        kept = kept[:, kept.shape[1] - margin :]
    if kept is not None and begun:
        yield np.pad(kept, ((0, 0), (0, margin)), ends)
    elif kept is not None:
        yield np.pad(kept, ((0, 0), (margin, margin)), ends)
