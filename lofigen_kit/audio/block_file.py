"""A temporary file of blocks, for a sound that does not fit into memory between two passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

import numpy as np

from lofigen_kit.errors import RenderError


class BlockFile:
    """A sequence of blocks in a temporary file; it can be iterated repeatedly.

    Where the system allows it, the file has no name, so it cannot be left behind.

    Args:
        folder: Folder of the file; it must have room.
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
        """Append one block [shape=(channels, frames), dtype=float32].

        Raises:
            RenderError: if the disk is full or fails.
        """
        data = _bytes_of(np.ascontiguousarray(block))
        try:
            self._file.seek(self._end)
            while data:
                written = self._file.write(data)
                self._end += written
                data = data[written:]
        except OSError as error:
            raise RenderError(
                f"the temporary file cannot be written ({error.strerror or error})",
                remedy="make room on the disk of the output",
            ) from error
        self._shapes.append(block.shape)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield all blocks from the first; several iterations may run at once."""
        offset = 0
        for shape in self._shapes:
            block = np.empty(shape, np.float32)
            remaining = _bytes_of(block)
            self._file.seek(offset)
            while remaining and (count := self._file.readinto(remaining)):
                remaining = remaining[count:]
            offset += block.nbytes
            yield block


def _bytes_of(block: np.ndarray) -> memoryview:
    return block.reshape(-1).view(np.uint8).data
