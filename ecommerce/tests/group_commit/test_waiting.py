"""The queue by itself: who waits too long or for a held row, and deaths."""

import os
import time
from collections.abc import Collection
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from common.db import committers, group_commit
from common.db.group_commit import GroupCommit
from common.db.locks import Row, Waiting
from common.errors import Busy, OutcomeUnknown, Unavailable
from ecommerce.tests.arrivals import WAIT_SECONDS
from ecommerce.tests.group_commit.conftest import Caller, Doubling, Gate, waiting_behind

# --- The deadline -------------------------------------------------------------------------------


def test_who_waited_too_long_is_told_that_the_shop_is_busy_and_is_never_served(arrivals, settings):
    gate = Gate()
    run = Doubling(within=gate)
    queue = GroupCommit(run)

    with waiting_behind(queue, gate, arrivals, []) as (served,):
        settings.GROUP_COMMIT_WAIT_SECONDS = 0.01
        late, later = Caller(queue, 1), Caller(queue, 2)
        late.start()
        later.start()
        assert (type(late.get()), type(later.get())) == (Busy, Busy)

    assert served.get() == 0
    assert run.batches == [[0]]
    assert queue.submit("lane", 3) == 6
    assert queue._lanes == {}


def test_a_shorter_wait_is_kept_beside_a_longer_one(arrivals, settings):
    gate = Gate()
    run = Doubling(within=gate)
    queue = GroupCommit(run)

    with waiting_behind(queue, gate, arrivals, [1]) as callers:
        settings.GROUP_COMMIT_WAIT_SECONDS = 0.01
        with pytest.raises(Busy):
            queue.submit("lane", 2)

    assert [caller.get() for caller in callers] == [0, 2]
    assert run.batches == [[0], [1]]


def test_who_is_in_a_batch_waits_for_the_outcome_however_long_it_takes(arrivals, monkeypatch):
    closed, gate = Gate(), Gate()
    run = Doubling(before=closed, within=gate)
    queue = GroupCommit(run)
    first, second, behind = Caller(queue, 1), Caller(queue, 2), Caller(queue, 3)
    first.start()
    assert closed.reached.wait(WAIT_SECONDS)
    second.start()
    arrivals.wait_for(2)
    closed.opened.set()
    assert gate.reached.wait(WAIT_SECONDS)
    behind.start()
    arrivals.wait_for(3)

    in_an_hour = SimpleNamespace(monotonic=lambda: time.monotonic() + 3_600)
    monkeypatch.setattr(group_commit, "time", in_an_hour)
    queue._turn_away()

    assert type(behind.get()) is Busy
    assert (first.is_alive(), second.is_alive()) == (True, True)
    gate.opened.set()
    assert (first.get(), second.get()) == (2, 4)
    assert run.batches == [[1, 2]]


# --- Rows that others hold ----------------------------------------------------------------------


class Rows:
    """Rows that requests need by their own number; which of them others hold, is said here.

    As a run it leaves out who needs one that is held, and keeps whom it served, and how it waits.
    """

    def __init__(self, *, hot: bool = False) -> None:
        self.lock: Any = mock.Mock(is_hot=hot)
        self.held: set[int] = set()
        self.batches: list[tuple[str, list[int]]] = []
        self.left_out = Event()

    def of(self, key: Any, request: int) -> list[Row]:
        return [Row(self.lock, request)]

    def free(self, rows: Collection[Row]) -> list[Row]:
        return [row for row in rows if row.value not in self.held]

    def __call__(self, key: Any, batch: Any) -> list[int]:
        requests = batch.close()
        held = {n: Row(self.lock, one) for n, one in enumerate(requests) if one in self.held}
        batch.leave_out(held)
        if batch.close():
            self.batches.append((batch.waiting.name, batch.close()))
        if held:
            self.left_out.set()
        return [request * 2 for request in batch.close()]


def looking_at(rows: Rows) -> Any:
    return mock.patch.object(group_commit, "free_rows", rows.free)


def test_who_needs_a_held_row_waits_by_itself_and_is_served_once_it_is_free():
    rows = Rows()
    rows.held = {1}
    queue = GroupCommit(rows, rows.of)
    with looking_at(rows):
        waiting = queue.enqueue("lane", 1)
        assert rows.left_out.wait(WAIT_SECONDS)
        assert [queue.submit("lane", number) for number in (2, 3)] == [4, 6]
        again = queue.enqueue("lane", 1)  # doesn't even line up
        assert (waiting.done(), again.done()) == (False, False)
        rows.held = set()
        assert [one.result(WAIT_SECONDS) for one in (waiting, again)] == [2, 2]

    assert rows.batches == [("NONE", [2]), ("NONE", [3]), ("NONE", [1, 1])]
    assert (queue._lanes, queue._parked) == ({}, {})


def test_who_waits_for_a_row_that_is_never_free_is_told_busy(settings):
    rows = Rows()
    rows.held = {1}
    queue = GroupCommit(rows, rows.of)
    settings.GROUP_COMMIT_WAIT_SECONDS = 0.1
    with looking_at(rows):
        futures = [queue.enqueue("lane", 1) for _ in range(3)]
        errors = [future.exception(WAIT_SECONDS) for future in futures]

    assert [type(error) for error in errors] == [Busy] * 3
    assert (rows.batches, queue._parked) == ([], {})


def test_when_held_rows_cannot_be_looked_at_each_hears_of_it_in_a_batch():
    rows = Rows()
    rows.held = {1}
    queue = GroupCommit(rows, rows.of)

    def database_is_down(parked):
        rows.held = set()  # a run would say so by itself
        raise Unavailable

    with mock.patch.object(group_commit, "free_rows", database_is_down):
        assert queue.submit("lane", 1) == 2


def test_who_needs_a_hot_row_that_another_batch_holds_waits_in_its_queue_in_a_lane_beside():
    rows = Rows(hot=True)
    rows.held = {1}
    gate = Gate()

    def run(key, batch):
        if batch.waiting is Waiting.BRIEF:
            gate()
            rows.held = set()  # it has waited for it
        return rows(key, batch)

    queue = GroupCommit(run, rows.of)
    first = queue.enqueue("lane", 1)
    assert gate.reached.wait(WAIT_SECONDS)
    second = queue.enqueue("lane", 1)  # as it is held, most likely, still or again
    assert queue.submit("lane", 2) == 4
    gate.opened.set()

    assert [first.result(WAIT_SECONDS), second.result(WAIT_SECONDS)] == [2, 2]
    assert rows.batches == [("NONE", [2]), ("BRIEF", [1, 1])]


def test_a_row_that_is_no_longer_contended_is_an_ordinary_one_again(monkeypatch):
    rows = Rows(hot=True)
    rows.held = {1}

    def run(key, batch):
        if batch.waiting is Waiting.BRIEF:
            rows.held = set()
        return rows(key, batch)

    queue = GroupCommit(run, rows.of)
    assert [queue.submit("lane", 1) for _ in range(2)] == [2, 2]
    later = time.monotonic() + group_commit.CONTENDED_SECONDS
    monkeypatch.setattr(group_commit, "time", SimpleNamespace(monotonic=lambda: later))
    assert queue.submit("lane", 1) == 2

    assert rows.batches == [("BRIEF", [1]), ("BRIEF", [1]), ("NONE", [1])]


def test_a_hot_row_that_was_waited_for_in_vain_is_looked_at_from_time_to_time():
    rows = Rows(hot=True)
    rows.held = {1}
    queue = GroupCommit(rows, rows.of)
    looked = Event()

    def look(parked: Collection[Row]) -> list[Row]:
        looked.set()
        return rows.free(parked)

    with mock.patch.object(group_commit, "free_rows", look):
        futures = [queue.enqueue("lane", 1) for _ in range(3)]
        assert looked.wait(WAIT_SECONDS)
        futures += [queue.enqueue("lane", 1) for _ in range(3)]
        assert queue.submit("lane", 2) == 4
        rows.held = set()
        assert [future.result(WAIT_SECONDS) for future in futures] == [2] * 6

    assert rows.batches == [("NONE", [2]), ("BRIEF", [1] * 6)]


# --- Death --------------------------------------------------------------------------------------


def test_when_a_run_is_ended_its_batch_hears_that_the_outcome_is_unknown(arrivals, settings):
    settings.GROUP_COMMIT_MAX_BATCH = 2
    gate = Gate()

    def end_the_thread(requests):
        gate()
        if requests == [1, 2]:
            raise SystemExit

    run = Doubling(within=end_the_thread)
    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [1, 2, 3, 4]) as callers:
        pass

    outcomes = [caller.get() for caller in callers]
    assert outcomes[0] == 0
    assert [type(outcome) for outcome in outcomes[1:3]] == [OutcomeUnknown] * 2
    assert outcomes[3:] == [6, 8]
    assert run.batches == [[0], [1, 2], [3, 4]]
    assert queue._lanes == {}


def test_when_a_run_is_ended_before_it_took_anybody_the_others_are_served(arrivals):
    gate = Gate()
    ends = iter([True, False])

    def end_the_first(key):
        gate()
        if next(ends):
            raise KeyboardInterrupt

    run = Doubling(before=end_the_first)
    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [1, 2]) as callers:
        pass

    outcomes = [caller.get() for caller in callers]
    assert type(outcomes[0]) is OutcomeUnknown
    assert outcomes[1:] == [2, 4]
    assert run.batches == [[1, 2]]


def test_a_process_that_is_ending_serves_nobody_and_leaves_nobody_waiting(monkeypatch):
    def no_more_threads(work, **kwargs):
        raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(committers, "run_soon", no_more_threads)
    run = Doubling()
    queue = GroupCommit(run)

    with pytest.raises(Busy):
        queue.submit("lane", 1)

    assert run.batches == []
    assert queue._lanes == {}


def test_work_for_which_the_system_grants_no_thread_is_taken_back(monkeypatch):
    """The library's pool tells of it when it has lined the work up already."""
    lined_up = []

    class FullSystem:
        def submit(self, work):
            lined_up.append(work)
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(committers, "_pools", {False: FullSystem()})
    run = Doubling()
    queue = GroupCommit(run)

    with pytest.raises(Busy):
        queue.submit("lane", 1)
    for work in lined_up:  # a thread comes free after all
        work()

    assert (run.batches, queue._lanes) == ([], {})


def test_a_child_process_does_not_wait_for_the_threads_of_its_parent(arrivals):
    gate = Gate()
    run = Doubling(within=lambda requests: gate() if requests == [0] else None)
    queue = GroupCommit(run)

    with waiting_behind(queue, gate, arrivals, [1]) as callers:
        child = os.fork()
        if child == 0:
            try:
                os._exit(queue.submit("lane", 21))
            finally:  # not one line of the test's own process
                os._exit(1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 42
    assert [caller.get() for caller in callers] == [0, 2]
