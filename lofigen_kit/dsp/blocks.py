"""Sounds that come in blocks: windows with margins, and padding at both ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

Ends = Literal["wrap", "symmetric", "edge", "constant"]
"""How a sound continues outside: it repeats, is mirrored, holds its edge values, or is silent."""


def split_windows(pieces: Iterable[np.ndarray], size: int, margin: int) -> Iterator[np.ndarray]:
    """Yield windows of one size, with a margin of the neighbouring frames on either side.

    Args:
        pieces: Pieces of any size that already include a margin at both ends of the sound
            [shape=(channels, frames)].
        size: Frames in each window without its margins; the last window may be shorter.
        margin: Frames added on either side.

    Yields:
        np.ndarray [shape=(channels, size + 2 * margin)].
    """
    pending: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        pending.append(piece)
        count += piece.shape[1]
        if count < size + 2 * margin:
            continue
        joined = np.concatenate(pending, axis=1) if len(pending) > 1 else piece
        while count >= size + 2 * margin:
            yield joined[:, : size + 2 * margin]
            joined, count = joined[:, size:], count - size
        pending = [joined]
    if count > 2 * margin:
        yield np.concatenate(pending, axis=1)


def pad_ends(pieces: Iterable[np.ndarray], margin: int, ends: Ends) -> Iterator[np.ndarray]:
    """Yield a sound with a margin before its first frame and after its last one.

    For `wrap` the whole sound is held in memory; else no more than one margin is.

    Args:
        pieces: Pieces of any size [shape=(channels, frames)].
        margin: Frames to add on either side.
        ends: What the margins contain, as for `numpy.pad`.

    Yields:
        np.ndarray [shape=(channels, frames)], of any number of frames.
    """
    if ends == "wrap":
        yield np.pad(np.concatenate(list(pieces), axis=1), ((0, 0), (margin, margin)), ends)
        return
    pending: np.ndarray | None = None
    started = False
    for piece in pieces:
        pending = piece if pending is None else np.concatenate([pending, piece], axis=1)
        if pending.shape[1] < margin:
            continue
        if not started:
            yield np.pad(pending, ((0, 0), (margin, 0)), ends)[:, :margin]
            started = True
        yield pending[:, : pending.shape[1] - margin]
        pending = pending[:, pending.shape[1] - margin :]
    if pending is not None and started:
        yield np.pad(pending, ((0, 0), (0, margin)), ends)
    elif pending is not None:
        yield np.pad(pending, ((0, 0), (margin, margin)), ends)
