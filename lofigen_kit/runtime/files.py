"""Files that are written whole or not at all, where nothing else lies."""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import fsync
from pathlib import Path
from typing import Any, BinaryIO

from lofigen_kit.errors import InputError, RenderError

MAX_NAME = 80


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write a file whole or not at all: temporary file beside it, fsync, rename.

    Raises:
        OSError: as the system says it; the temporary file is gone by then.
    """
    with open_atomic(path) as file:
        file.write(data)


def copy_atomic(source: Path, target: Path) -> None:
    """Copy a file whole or not at all, in constant memory.

    Raises:
        OSError: as the system says it; the temporary file is gone by then.
    """
    with source.open("rb") as whole, open_atomic(target) as file:
        shutil.copyfileobj(whole, file, 1 << 20)


def rewrite(path: Path, change: Callable[[BinaryIO], None]) -> None:
    """Change a copy of a file, which takes its place when all is well.

    Raises:
        OSError: as the system says it; the file is as it was.
    """
    with path.open("rb") as old, open_atomic(path) as file:
        if hasattr(os, "fchmod"):  # not everywhere on Windows
            os.fchmod(file.fileno(), path.stat().st_mode)
        shutil.copyfileobj(old, file)
        change(file)


@contextmanager
def open_atomic(path: Path) -> Iterator[_CallbackWriter]:
    """Give a file to write, which takes its name when all is well and else leaves no trace."""
    # Its own name and not the file's, which may be as long as names can be; and opened plainly,
    # since `tempfile` makes files that nobody else may read.
    temporary = path.with_name(f".lofigen-{secrets.token_hex(8)}")
    try:
        with _CallbackWriter(temporary, "x+") as file:
            try:
                yield file
            finally:  # what broke for want of room, broke for that
                file.check()
            fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class _CallbackWriter(io.FileIO):
    """A file that libsndfile writes through soundfile's callbacks, which must not raise."""

    name = ""

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of the data; what goes wrong is kept for `check`."""
        left = memoryview(data).cast("B")
        try:
            while left and self._failure is None:
                left = left[super().write(left) :]
        except OSError as error:
            self._failure = error
        return len(data)

    def check(self) -> None:
        """Raise what went wrong so far."""
        if self._failure is not None:
            raise self._failure


def check_free(*files: Path, force: bool) -> None:
    """Refuse files that are there or cannot be made, before anything slow is done.

    Raises:
        InputError: if one of them is a folder, is there and `force` is not set, or would lie where
            nothing can be written.
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
                    remedy="overwrite it with --force, or write elsewhere with -o",
                )


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Say in one line why the system will not write.

    Raises:
        InputError: for a place that cannot be written to.
        RenderError: for a disk that is full or broken.
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


def make_safe_name(text: str) -> str:
    """Return a text as part of a file name: letters, digits, dots, dashes and underscores."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:MAX_NAME].strip(".-_")
    return name or "untitled"
