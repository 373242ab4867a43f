"""Locks on folders: one process at a time works in a folder, and no other is in its way."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lofigen_kit.errors import InputError
from lofigen_kit.runtime.files import explain_write_errors

LOCK = ".lofigen-lock"
"""The lock of a folder, there while a process works in it; one that dies leaves it free."""
DECISIONS_LOCK = ".lofigen-decisions-lock"
"""The lock of a folder's decisions, held only while they are written."""
LOCKS = (LOCK, DECISIONS_LOCK)
SOON_S = 1.0
"""Who waits longer than this is told why."""

_logger = logging.getLogger(__name__)


@contextmanager
def lock_folder(folder: Path, *, name: str = LOCK, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a folder, which exists.

    Args:
        folder: The folder.
        name: The lock's file in it.
        wait: Wait for another process that holds it; a long wait is told in the log.

    Raises:
        InputError: if another process holds it and `wait` is not set, the folder cannot be written
            to, or the lock's file is a link.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / name)
    with explain_write_errors(folder):
        try:
            lock.acquire(timeout=SOON_S if wait else 0)
        except Timeout:
            if not wait:
                raise InputError(
                    "another process is working in this folder",
                    where=folder,
                    remedy="wait for it, or choose another folder",
                ) from None
            _logger.info("%s: waiting for another process that works in this folder", folder)
            lock.acquire()
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise InputError(
                "the lock is a link", where=folder / name, remedy="remove it"
            ) from None
    try:
        yield
    finally:
        # Who waits for a file that is gone by then makes it anew: filelock sees to that.
        if os.name != "nt":
            (folder / name).unlink(missing_ok=True)
        lock.release()
        if os.name == "nt":
            with suppress(OSError):  # another process has it by now
                (folder / name).unlink(missing_ok=True)
