"""A file that is put together from stretches of another one, without a copy of it.

Decoders stumble over what is no sound of theirs: tags in front and behind, a second stream, a
header with a wrong size. They are given the stretches that are sound, and a better header.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, BinaryIO

Piece = bytes | range
"""Bytes as they are, or a stretch of the file underneath."""


class PiecedFile(io.RawIOBase):
    """A file for reading, which libsndfile reads through soundfile's callbacks.

    Callbacks must not raise: where the file underneath fails, this one ends, and `failure` has the
    reason.

    Args:
        file: The file underneath; it may be shared, but not by threads.
        pieces: What this file consists of, in order.
    """

    name = ""
    """soundfile treats a file whose name ends in .raw as headerless samples."""

    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        self.failure: OSError | None = None
        self._file = file
        self._pieces = [piece for piece in pieces if len(piece)]
        self._starts = [0]
        for piece in self._pieces:
            self._starts.append(self._starts[-1] + len(piece))
        self._place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; a damaged header may ask for a place before the start, which is the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._starts[-1]}[whence]
        self._place = max(base + offset, 0)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there is anything, and return how many bytes it took."""
        wanted = memoryview(buffer).cast("B")
        done = 0
        while done < len(wanted):
            data = self._read_some(len(wanted) - done)
            if not data:
                break
            wanted[done : done + len(data)] = data
            done += len(data)
            self._place += len(data)
        return done

    def _read_some(self, size: int) -> bytes:
        index = bisect_right(self._starts, self._place) - 1
        if index >= len(self._pieces):
            return b""
        piece, within = self._pieces[index], self._place - self._starts[index]
        size = min(size, len(piece) - within)
        if isinstance(piece, bytes):
            return piece[within : within + size]
        try:
            self._file.seek(piece.start + within)
            return self._file.read(size)
        except OSError as error:
            self.failure = error
            return b""
