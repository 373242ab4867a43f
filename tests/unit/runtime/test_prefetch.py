"""Work that is one piece ahead: in order, under way in time, and stopped with its user."""

from __future__ import annotations

from threading import Event

import pytest

from lofigen_kit.runtime.prefetch import prefetch


def test_results_come_in_order() -> None:
    assert list(prefetch(lambda n: n * n, range(20), Event())) == [n * n for n in range(20)]


def test_the_next_job_is_done_while_the_last_result_is_used() -> None:
    begun = [Event() for _ in range(3)]

    def work(number: int) -> int:
        begun[number].set()
        return number

    results = prefetch(work, range(3), Event())
    assert next(results) == 0
    assert begun[1].wait(90)
    assert not begun[2].is_set()  # no more than one: memory stays bounded
    assert list(results) == [1, 2]


def test_what_a_job_raises_comes_after_the_results_before_it() -> None:
    results = prefetch(lambda n: 1 // (2 - n), range(9), Event())
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_whoever_leaves_stops_the_work() -> None:
    stop = Event()

    def work(number: int) -> int:
        return number if number == 0 else int(stop.wait(60))

    results = prefetch(work, range(9), stop)
    assert next(results) == 0
    results.close()  # which would take a minute else
    assert stop.is_set()
