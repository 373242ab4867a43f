"""Worker processes: begun afresh, of one thread each, and gone with whoever began them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread, current_thread, main_thread
from typing import Any


def make_pool(
    count: int, begin: Callable[..., object], arguments: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """Return a pool of processes that hold no locks or threads of this one.

    Args:
        count: How many.
        begin: What each does first; it is pickled, and so are its arguments.
        arguments: What it is given.
    """
    return ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_initialize_worker,
        initargs=(begin, arguments),
    )


def limit_threads() -> None:
    """Leave the other cores to the other workers."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


@contextmanager
def allow_interrupts() -> Iterator[None]:
    """Let Ctrl-C end a job, so that it can clean up; between jobs a worker waits to be told.

    Other threads than the first, in which Dask works, hear of no signal.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Give what the toolkit warns of."""
    logger, handler = logging.getLogger("lofigen_kit"), _WarningCollector(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield handler.heard
    finally:
        logger.removeHandler(handler)


class _WarningCollector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def _initialize_worker(begin: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_leave_with_parent, name="leave with parent", daemon=True).start()
    limit_threads()
    begin(*arguments)


def _leave_with_parent() -> None:
    """End where whoever began this was killed: the pool's own queue would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
