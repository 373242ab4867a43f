"""Prefetching: work in another thread, one result ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def prefetch(work: Callable[[Job], Result], jobs: Iterable[Job], stop: Event) -> Generator[Result]:
    """Yield the result of each job in order, while the next job is running.

    If a job raises, its exception is raised in place of its result; no further job is started.

    Args:
        work: Does a job.
        jobs: The jobs.
        stop: Set when the results are no longer needed; long work should check it.
    """
    pool = ThreadPoolExecutor(1, "ahead")
    running: deque[Future[Result]] = deque()
    try:
        for job in jobs:
            running.append(pool.submit(work, job))
            if len(running) > 1:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
