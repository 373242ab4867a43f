"""Exceptions in Python functions that C code calls.

libsndfile reads and writes through such functions. Ctrl-C may come while one of them runs; C cannot
pass an exception on, so the interpreter would report it and go on, and the file would be short.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Swallowed(threading.local):
    def __init__(self) -> None:
        self.levels: list[list[BaseException]] = []


_swallowed = _Swallowed()
_before: Any = None


@contextmanager
def raise_from_callbacks() -> Iterator[None]:
    """Raise what a callback raised, as soon as the C code returns; it comes before any other."""
    _install()
    raised: list[BaseException] = []
    _swallowed.levels.append(raised)
    try:
        yield
    except BaseException:
        if raised:
            raise raised[0] from None
        raise
    finally:
        _swallowed.levels.pop()
    if raised:
        raise raised[0]


def _install() -> None:
    global _before
    if sys.unraisablehook is not _keep:
        _before, sys.unraisablehook = sys.unraisablehook, _keep


def _keep(unraisable: Any) -> None:
    levels = _swallowed.levels
    if levels and unraisable.exc_value is not None and "callback" in (unraisable.err_msg or ""):
        levels[-1].append(unraisable.exc_value)
    else:
        _before(unraisable)
