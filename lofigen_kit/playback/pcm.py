"""Sound into a pipe: frames as bytes, at the reader's pace or at the clock's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lofigen_kit.audio.blocks import Blocks

LEAD_S = 0.5
"""How far ahead of the clock a paced stream may be, so that its listeners never run dry."""

PCM_NAMES = {16: "s16le", 24: "s24le", 32: "f32le"}
"""What ffmpeg calls raw samples of each depth."""


def encode_pcm(blocks: Blocks, bit_depth: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Yield blocks as little-endian frames, 16 bits dithered, 32 as float.

    Args:
        blocks: The sound [shape=(channels, frames), dtype=float32].
        bit_depth: 16, 24 or 32.
        rng: Where the dither comes from.
    """
    from lofigen_kit.audio.dither import to_pcm16, to_pcm24

    for block in blocks:
        if bit_depth == 16:
            yield to_pcm16(block, rng).T.astype("<i2").tobytes()
        elif bit_depth == 24:
            wide = np.ascontiguousarray(to_pcm24(block).T, dtype="<i4")
            yield wide.view(np.uint8).reshape(*wide.shape, 4)[..., :3].tobytes()
        else:
            yield block.T.astype("<f4").tobytes()


def pace_pieces(
    pieces: Iterator[bytes],
    bytes_per_s: float,
    clock: Callable[[], float],
    wait: Callable[[float], object],
) -> Iterator[bytes]:
    """Yield pieces in real time, but for a short lead.

    Args:
        pieces: What is to be written.
        bytes_per_s: How many of them are a second of sound.
        clock: Tells the time in seconds.
        wait: Lets so many seconds pass.
    """
    start_s, done = clock(), 0
    for piece in pieces:
        early_s = done / bytes_per_s - (clock() - start_s) - LEAD_S
        if early_s > 0:
            wait(early_s)
        yield piece
        done += len(piece)
