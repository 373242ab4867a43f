"""What C code prints while it reads a file: it is kept from the terminal.

libmpg123 inside libsndfile, and libsndfile itself for some formats, print warnings straight to the
process's standard streams, past Python. What they mean is found out in other ways.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import BinaryIO

_STREAMS = (1, 2)
_lock = threading.RLock()
_logger = logging.getLogger(__name__)


@contextmanager
def hold_native_output() -> Iterator[None]:
    """Send what C code prints to the log, at its lowest level.

    The standard streams are the whole process's: what another thread prints meanwhile goes there
    too, so hold them for as short as can be.
    """
    with _lock:
        try:
            kept = [os.dup(stream) for stream in _STREAMS]
        except OSError:  # a process without standard streams
            yield
            return
        sink = _sink()
        try:
            for stream in _STREAMS:
                os.dup2(sink.fileno(), stream)
            yield
        finally:
            try:
                _give_back(kept)
            finally:  # Ctrl-C may come within the first
                _give_back(kept)
            for copy in kept:
                os.close(copy)
            _log(sink)


def _give_back(kept: list[int]) -> None:
    _flush_native()
    for stream, copy in zip(_STREAMS, kept, strict=True):
        os.dup2(copy, stream)


@cache
def _sink() -> BinaryIO:
    return tempfile.TemporaryFile(buffering=0)


def _log(sink: BinaryIO) -> None:
    if size := sink.tell():
        sink.seek(0)
        _logger.debug("a decoder says: %s", sink.read(min(size, 1000)).decode(errors="replace"))
        sink.seek(0)
        sink.truncate()


@cache
def _native_library() -> object:
    import ctypes

    with suppress(OSError, TypeError):  # Windows has no library of that name
        return ctypes.CDLL(None)
    return None


def _flush_native() -> None:
    flush = getattr(_native_library(), "fflush", None)
    if flush:
        flush(None)
