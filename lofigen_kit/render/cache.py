"""What networks generated, kept so that a change of an effect need not generate it again.

A folder of float32 arrays named by a hash of all that they depend on. Several processes may share
it: files appear whole, and one that another process has removed is as good as never kept. The
least recently used go when the folder grows beyond its bound.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MAX_CACHE_BYTES = 2 << 30
_KEPT_OF_MOST = 0.9
"""How full the folder stays after it was full, so that it is not tidied at every file."""


def get_cache_dir() -> Path:
    """Return the user's folder for it, which need not exist."""
    from lofigen_kit.runtime import caches

    return caches.get_cache_dir() / "played"


class Cache:
    """Arrays by their hash.

    Args:
        folder: Where they lie; made when the first one is kept.
        most_bytes: How large they may grow together.
    """

    def __init__(self, folder: Path, most_bytes: int = MAX_CACHE_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str) -> np.ndarray | None:
        """Return what is kept under a key [shape=(frames,), dtype=float32], or None."""
        import numpy as np

        path = self._path(key)
        try:
            samples = np.fromfile(path, "<f4")
            os.utime(path)
        except OSError:
            return None
        return samples

    def put(self, key: str, samples: np.ndarray) -> None:
        """Keep samples; where that cannot be done, they are not kept."""
        from lofigen_kit.runtime.files import write_atomic

        path = self._path(key)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, samples.astype("<f4").tobytes())
            self._tidy()

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _tidy(self) -> None:
        files = []
        for path in self.folder.glob("??/*"):
            with suppress(OSError):  # another process was faster
                facts = path.stat()
                files.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self._most_bytes:
            return
        for _, size, path in sorted(files):
            with suppress(OSError):
                path.unlink()
            total -= size
            if total <= _KEPT_OF_MOST * self._most_bytes:
                return
