"""A temporary file of blocks: what does not fit into memory between two passes over a sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

import numpy as np

from lofigen_kit.errors import RenderError


class BlockFile:
    """Blocks that are kept in a file, in order, and can be gone through as often as one likes.

    The file has no name where the system allows that, so that nothing can leave it behind.

    Args:
        folder: Where there is room.
    """

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed on exit
        self._shapes: list[tuple[int, ...]] = []
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, block: np.ndarray, /) -> None:
        """Keep one more block [shape=(channels, frames), dtype=float32]."""
        data = _bytes_of(np.ascontiguousarray(block))
        try:
            self._file.seek(self._end)
            while data:
                written = self._file.write(data)
                self._end += written
                data = data[written:]
        except OSError as error:
            raise RenderError(
                f"there is no room for a temporary file ({error.strerror or error})",
                remedy="make room on the disk that is written to",
            ) from error
        self._shapes.append(block.shape)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Go through all blocks from the first; several may do so at once."""
        place = 0
        for shape in self._shapes:
            block = np.empty(shape, np.float32)
            left = _bytes_of(block)
            self._file.seek(place)
            while left and (count := self._file.readinto(left)):
                left = left[count:]
            place += block.nbytes
            yield block


def _bytes_of(block: np.ndarray) -> memoryview:
    return block.reshape(-1).view(np.uint8).data
