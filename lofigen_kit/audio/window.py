"""A file's bytes by their places, read in large pieces: for those who walk through it."""

from __future__ import annotations

import io
from typing import BinaryIO

_PIECE_BYTES = 1 << 20


class Window:
    """The bytes of a file between two places, in constant memory.

    Args:
        file: The file.
        start: The first place.
        end: The place behind the last; by default the end of the file.
    """

    def __init__(self, file: BinaryIO, start: int = 0, end: int | None = None) -> None:
        self.start = start
        size = file.seek(0, io.SEEK_END)
        self.end = size if end is None else min(end, size)
        self.file = file
        self._held = b""
        self._held_start = 0

    def at(self, place: int, size: int) -> bytes:
        """Return the bytes at a place, fewer at the end."""
        size = min(size, self.end - place)
        if size <= 0 or place < 0:
            return b""
        offset = place - self._held_start
        if offset < 0 or offset + size > len(self._held):
            self.file.seek(place)
            self._held = self.file.read(min(max(size, _PIECE_BYTES), self.end - place))
            self._held_start, offset = place, 0
        return self._held[offset : offset + size]

    def find(self, pattern: bytes, place: int, end: int | None = None) -> int:
        """Return the first place of a pattern from a place on, or -1."""
        end = self.end if end is None else min(end, self.end)
        while place < end:
            piece = self.at(place, min(_PIECE_BYTES, end - place))
            found = piece.find(pattern)
            if found >= 0:
                return place + found
            if place + len(piece) >= end or len(piece) < len(pattern):
                break
            place += len(piece) - len(pattern) + 1
        return -1

    def skip_zeros(self, place: int) -> int:
        """Return the first place from a place on that does not hold a zero byte, or the end."""
        while piece := self.at(place, _PIECE_BYTES):
            rest = len(piece.lstrip(b"\0"))
            place += len(piece) - rest
            if rest:
                return place
        return min(place, self.end)
