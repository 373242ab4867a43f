"""Worker processes: spawned, single-threaded, and ended with their parent."""

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
    """Return a pool of spawned processes, which inherit no locks or threads.

    Args:
        count: Number of processes.
        begin: Called first in each process; it and its arguments are pickled.
        arguments: Arguments of `begin`.
    """
    return ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_initialize_worker,
        initargs=(begin, arguments),
    )


def limit_threads() -> None:
    """Limit the numerical libraries of this process to one thread, since each core has a worker."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


@contextmanager
def allow_interrupts() -> Iterator[None]:
    """Let Ctrl-C interrupt a job, so that it can clean up; between jobs a worker ignores it.

    In other threads than the main one, as under Dask, signals do not arrive: nothing is done.
    """
    if current_thread() is not main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Yield a list that collects the warnings of the toolkit."""
    logger, handler = logging.getLogger("lofigen_kit"), _WarningCollector(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


class _WarningCollector(logging.Handler):
    """A logging handler that collects messages."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def _initialize_worker(begin: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """Set up a worker process, and call `begin`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_leave_with_parent, name="leave with parent", daemon=True).start()
    limit_threads()
    begin(*arguments)


def _leave_with_parent() -> None:
    """Exit when the parent process has ended: the pool's queue would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
