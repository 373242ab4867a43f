"""Give workers their work, and keep what comes of it, whatever dies meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from itertools import chain, islice

from lofigen_kit.batch.executors import BatchExecutor
from lofigen_kit.batch.ledger import Record
from lofigen_kit.batch.worker import TakeGroup

GROUPS_PER_WORKER = 2
"""Groups under way for each worker: one at work and one waiting."""
MAX_DEATHS = 2
"""A take that is tried alone, and under which so many processes died, is not tried again."""

GroupRenderer = Callable[[TakeGroup], list[Record]]
RecordCallback = Callable[[Record], None]


def run_groups(
    groups: Iterator[TakeGroup], executor: BatchExecutor, do: GroupRenderer, tell: RecordCallback
) -> None:
    """Do all groups, and tell what came of each take as soon as that is known.

    Where a process dies, those that were under way are under suspicion: each take is tried alone,
    one after another, so that the one to blame is found and the others are rendered after all.

    Args:
        groups: What is to be done; a few are taken ahead, never all.
        executor: Who does it.
        do: The work, which can be pickled.
        tell: Called with each record, from this thread.
    """
    while suspects := _run_until_death(
        groups, executor, do, tell, ahead=GROUPS_PER_WORKER * executor.workers
    ):
        _run_one_by_one(list(chain.from_iterable(group.split_into_single() for group in suspects)),
                    executor, do, tell)  # fmt: skip


def _run_one_by_one(
    suspects: list[TakeGroup], executor: BatchExecutor, do: GroupRenderer, tell: RecordCallback
) -> None:
    deaths: Counter[str] = Counter()
    waiting = iter(suspects)
    while culprits := _run_until_death(waiting, executor, do, tell, ahead=1):
        [culprit] = culprits
        key = culprit.jobs[0].key
        deaths[key] += 1
        if deaths[key] < MAX_DEATHS:
            waiting = chain([culprit], waiting)
        else:
            for record in culprit.make_failures("the process that rendered it died, twice"):
                tell({**record, "engine": executor.name})


def _run_until_death(
    groups: Iterator[TakeGroup],
    executor: BatchExecutor,
    do: GroupRenderer,
    tell: RecordCallback,
    *,
    ahead: int,
) -> list[TakeGroup]:
    """Do groups until there are none or a process dies; return those that were under way."""
    under_way: dict[Future[list[Record]], TakeGroup] = {}
    doubtful: list[TakeGroup] = []
    with executor.open() as workers:
        while True:
            for group in islice(groups, ahead - len(under_way)):
                under_way[_submit_group(workers, do, group)] = group
            if not under_way:
                return doubtful
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                group = under_way[future]
                try:
                    records = future.result()
                except BrokenExecutor:
                    return [*doubtful, *under_way.values()]
                except Exception as error:  # whatever an engine makes of a death
                    records = []
                    if len(group.jobs) > 1:
                        doubtful.append(group)
                    else:
                        records = group.make_failures(f"{type(error).__name__}: {error}")
                del under_way[future]
                for record in records:
                    tell({**record, "engine": executor.name})


def _submit_group(workers: Executor, do: GroupRenderer, group: TakeGroup) -> Future[list[Record]]:
    """Return the future of a group; that of a broken pool is broken too."""
    try:
        return workers.submit(do, group)
    except BrokenExecutor as error:
        broken: Future[list[Record]] = Future()
        broken.set_exception(error)
        return broken
