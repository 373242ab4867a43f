"""Work in another thread, one piece ahead of whoever uses it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def prefetch(work: Callable[[Job], Result], jobs: Iterable[Job], stop: Event) -> Generator[Result]:
    """Yield what comes of each job, in order, while the next one is under way.

    What a job raises is raised where its result would be, and no job after it is begun that was
    not under way by then.

    Args:
        work: Does a job.
        jobs: What there is to do.
        stop: Set when nobody waits any longer; long work looks at it now and then.
    """
    pool = ThreadPoolExecutor(1, "ahead")
    begun: deque[Future[Result]] = deque()
    try:
        for job in jobs:
            begun.append(pool.submit(work, job))
            if len(begun) > 1:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
