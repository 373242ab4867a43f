"""Atomic file writing: a file is written whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import fsync
from pathlib import Path
from typing import Any, BinaryIO

from lofigen_kit.errors import InputError, RenderError


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write a file atomically: a temporary file in the same folder, fsync, rename.

    Raises:
        OSError: as raised by the system; the temporary file is removed.
    """
    with open_atomic(path) as file:
        file.write(data)


def copy_atomic(source: Path, target: Path) -> None:
    """Copy a file atomically, in constant memory.

    Raises:
        OSError: as raised by the system; the temporary file is removed.
    """
    with source.open("rb") as source_file, open_atomic(target) as target_file:
        shutil.copyfileobj(source_file, target_file, 1 << 20)


def rewrite(path: Path, change: Callable[[BinaryIO], None]) -> None:
    """Change a file atomically: a copy of it is changed, and then replaces it.

    Args:
        path: The file.
        change: Changes the copy, which is open for reading and writing.

    Raises:
        OSError: as raised by the system; the file is left unchanged.
    """
    with path.open("rb") as source, open_atomic(path) as file:
        if hasattr(os, "fchmod"):  # not everywhere on Windows
            os.fchmod(file.fileno(), path.stat().st_mode)
        shutil.copyfileobj(source, file)
        change(file)


@contextmanager
def open_atomic(path: Path) -> Iterator[AtomicFile]:
    """Open a temporary file for writing that gets its name on success and is removed on error.

    Raises:
        OSError: as raised by the system; the temporary file is removed.
    """
    # The name is not derived from the file's, which may have the maximum length already. `tempfile`
    # is not used, because its files are readable by their owner only.
    temporary = path.with_name(f".lofigen-{secrets.token_hex(8)}")
    try:
        with AtomicFile(temporary, "x+") as file:
            try:
                yield file
            finally:  # a write error explains any other error, so it is raised first
                file.check()
            fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class AtomicFile(io.FileIO):
    """A file that libsndfile writes through soundfile's callbacks, which must not raise."""

    name = ""

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of the data and return its length; an error is kept for `check`."""
        remaining = memoryview(data).cast("B")
        try:
            while remaining and self._failure is None:
                remaining = remaining[super().write(remaining) :]
        except OSError as error:
            self._failure = error
        return len(data)

    def check(self) -> None:
        """Raise the first error of `write`, if there was one."""
        if self._failure is not None:
            raise self._failure


def check_free(*files: Path, force: bool) -> None:
    """Check that files can be created, before any slow work.

    Args:
        files: The files to create.
        force: Allow existing files.

    Raises:
        InputError: if one is a folder, exists and `force` is not set, or cannot be written.
    """
    for file in files:
        with explain_write_errors(file):
            folder = next(p for p in file.absolute().parents if p.exists())
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if file.is_dir():
                raise InputError("a folder of that name is there", where=file)
            if not force and file.exists():
                raise InputError(
                    "the file is there already",
                    where=file,
                    remedy="overwrite it with --force, or choose another name",
                )


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors on writing into errors of one line.

    Raises:
        InputError: if the place cannot be written to.
        RenderError: if the disk is full or fails.
    """
    try:
        yield
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise InputError(
            f"cannot be written ({error.strerror})",
            where=path,
            remedy="choose another place with -o",
        ) from None
    except OSError as error:
        raise RenderError(f"writing failed ({error.strerror or error})", where=path) from error
