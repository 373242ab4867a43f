"""Give groups of takes to workers, and report the results even if workers die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from itertools import chain, islice

from lofigen_kit.batch.executors import BatchExecutor
from lofigen_kit.batch.ledger import Record
from lofigen_kit.batch.worker import TakeGroup

GROUPS_PER_WORKER = 2
"""Groups submitted for each worker: one that is rendered and one that waits."""
MAX_DEATHS = 2
"""A take that was rendered alone is given up after so many processes died with it."""

GroupRenderer = Callable[[TakeGroup], list[Record]]
RecordCallback = Callable[[Record], None]


def run_groups(
    groups: Iterator[TakeGroup],
    executor: BatchExecutor,
    render: GroupRenderer,
    report: RecordCallback,
) -> None:
    """Render all groups, and report the record of each take as soon as it is known.

    If a process dies, the takes of all submitted groups are rendered again one at a time. So the
    take that kills its process is found, and the others are still rendered.

    Args:
        groups: The groups to render; only a few are taken in advance.
        executor: The executor that opens the workers.
        render: Renders a group; it can be pickled.
        report: Called with each record, in this thread.
    """
    while suspects := _run_until_death(
        groups, executor, render, report, limit=GROUPS_PER_WORKER * executor.workers
    ):
        single = list(chain.from_iterable(group.split_into_single() for group in suspects))
        _run_one_by_one(single, executor, render, report)


def _run_one_by_one(
    suspects: list[TakeGroup],
    executor: BatchExecutor,
    render: GroupRenderer,
    report: RecordCallback,
) -> None:
    deaths: Counter[str] = Counter()
    waiting = iter(suspects)
    while culprits := _run_until_death(waiting, executor, render, report, limit=1):
        [culprit] = culprits
        key = culprit.jobs[0].key
        deaths[key] += 1
        if deaths[key] < MAX_DEATHS:
            waiting = chain([culprit], waiting)
        else:
            for record in culprit.make_failures("its worker process died twice"):
                report({**record, "engine": executor.name})


def _run_until_death(
    groups: Iterator[TakeGroup],
    executor: BatchExecutor,
    render: GroupRenderer,
    report: RecordCallback,
    *,
    limit: int,
) -> list[TakeGroup]:
    """Render groups until all are done or a process dies; return the unfinished submitted ones.

    At most `limit` groups are submitted at a time.
    """
    pending: dict[Future[list[Record]], TakeGroup] = {}
    suspects: list[TakeGroup] = []
    with executor.open() as workers:
        while True:
            for group in islice(groups, limit - len(pending)):
                pending[_submit_group(workers, render, group)] = group
            if not pending:
                return suspects
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                group = pending[future]
                try:
                    records = future.result()
                except BrokenExecutor:
                    return [*suspects, *pending.values()]
                except Exception as error:  # executors raise different errors for a dead worker
                    records = []
                    if len(group.jobs) > 1:
                        suspects.append(group)
                    else:
                        records = group.make_failures(f"{type(error).__name__}: {error}")
                del pending[future]
                for record in records:
                    report({**record, "engine": executor.name})


def _submit_group(
    workers: Executor, render: GroupRenderer, group: TakeGroup
) -> Future[list[Record]]:
    """Return the future of a group; for a broken pool, it has the pool's error."""
    try:
        return workers.submit(render, group)
    except BrokenExecutor as error:
        broken: Future[list[Record]] = Future()
        broken.set_exception(error)
        return broken
