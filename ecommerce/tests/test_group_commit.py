"""The queue by itself: batches, order, failures and deaths, with a run made of plain Python."""

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from common.db import committers, group_commit
from common.db.group_commit import GroupCommit
from common.db.locks import Row, Waiting
from common.errors import Busy, NotFound, OutcomeUnknown, Unavailable
from ecommerce.tests.arrivals import WAIT_SECONDS, Arrivals, watched_arrivals


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with watched_arrivals() as seen:
        yield seen


class Doubling:
    """A run that answers each number with its double, and keeps what it was given.

    `before` is called with each batch's key before the batch is closed, `within` with its requests
    after that.
    """

    def __init__(
        self,
        before: Callable[[Any], object] = lambda key: None,
        within: Callable[[list[int]], object] = lambda requests: None,
    ) -> None:
        self.before = before
        self.within = within
        self.batches: list[list[int]] = []

    def __call__(self, key: Any, batch: Any) -> list[Any]:
        self.before(key)
        requests = list(batch.close())
        self.batches.append(requests)
        self.within(requests)
        return [request * 2 for request in requests]


class Caller(Thread):
    """A thread that submits one request and keeps what came of it."""

    def __init__(self, queue: GroupCommit[Any, Any, Any], request: Any, key: Any = "lane") -> None:
        super().__init__(daemon=True)
        self.queue, self.request, self.key = queue, request, key
        self.outcome: Any = "nothing yet"

    def run(self) -> None:
        try:
            self.outcome = self.queue.submit(self.key, self.request)
        except BaseException as error:
            self.outcome = error

    def get(self) -> Any:
        self.join(WAIT_SECONDS)
        assert not self.is_alive(), "still waiting"
        return self.outcome


class Gate:
    """A place where a thread says that it came, and waits until it may go on."""

    def __init__(self) -> None:
        self.reached, self.opened = Event(), Event()

    def __call__(self, *args: Any) -> None:
        self.reached.set()
        assert self.opened.wait(WAIT_SECONDS), "the gate was never opened"


@contextmanager
def waiting_behind(
    queue: GroupCommit[Any, Any, Any], gate: Gate, arrivals: Arrivals, requests: list[Any]
) -> Iterator[list[Caller]]:
    """One request (0) is being served, held at the gate; behind it `requests` came one by one.

    Yields all callers, and opens the gate at the end of the block.
    """
    callers = [Caller(queue, 0)]
    callers[0].start()
    assert gate.reached.wait(WAIT_SECONDS)
    for request in requests:
        callers.append(Caller(queue, request))
        callers[-1].start()
        arrivals.wait_for(len(callers))
    try:
        yield callers
    finally:
        gate.opened.set()


# --- Batches and their order --------------------------------------------------------------------


def test_a_request_that_finds_nobody_is_served_at_once_by_a_committer():
    threads = set()
    run = Doubling(before=lambda key: threads.add(current_thread().name.partition("_")[0]))
    queue = GroupCommit(run)

    assert [queue.submit("lane", number) for number in (1, 2, 3)] == [2, 4, 6]
    assert run.batches == [[1], [2], [3]]
    assert threads == {"committer"}


def test_who_asks_for_a_future_waits_for_nothing(arrivals):
    gate = Gate()
    queue = GroupCommit(Doubling(within=gate))

    first, second = queue.enqueue("lane", 1), queue.enqueue("lane", 2)
    assert gate.reached.wait(WAIT_SECONDS)
    assert (first.done(), second.done()) == (False, False)
    gate.opened.set()

    assert (first.result(WAIT_SECONDS), second.result(WAIT_SECONDS)) == (2, 4)


def test_a_request_that_is_called_off_while_it_waits_is_never_served(arrivals):
    gate = Gate()
    run = Doubling(within=gate)
    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [1]) as callers:
        assert queue.enqueue("lane", 2).cancel()

    assert [caller.get() for caller in callers] == [0, 2]
    assert queue.submit("lane", 3) == 6
    assert run.batches == [[0], [1], [3]]


def test_those_who_come_while_one_is_served_share_the_next_batch_in_their_order(arrivals):
    gate = Gate()
    run = Doubling(within=gate)
    queue = GroupCommit(run)

    with waiting_behind(queue, gate, arrivals, [5, 3, 9]) as callers:
        pass

    assert [caller.get() for caller in callers] == [0, 10, 6, 18]
    assert run.batches == [[0], [5, 3, 9]]


def test_a_batch_is_open_to_who_comes_until_the_run_asks_for_it(arrivals):
    gate = Gate()
    run = Doubling(before=gate)
    queue = GroupCommit(run)

    with waiting_behind(queue, gate, arrivals, [5, 3]) as callers:
        pass

    assert [caller.get() for caller in callers] == [0, 10, 6]
    assert run.batches == [[0, 5, 3]]


def test_a_batch_that_was_closed_stays_as_it_is(arrivals):
    asked = []

    def run(key, batch):
        asked.append(list(batch.close()))
        if asked == [[1]]:
            second.start()
            arrivals.wait_for(2)
            asked.append(list(batch.close()))
        return batch.close()

    queue = GroupCommit(run)
    second = Caller(queue, 2)

    assert queue.submit("lane", 1) == 1
    assert second.get() == 2
    assert asked == [[1], [1], [2]]


def test_no_batch_is_larger_than_the_limit(arrivals, settings):
    settings.GROUP_COMMIT_MAX_BATCH = 3
    gate = Gate()
    run = Doubling(within=gate)
    queue = GroupCommit(run)

    with waiting_behind(queue, gate, arrivals, [1, 2, 3, 4, 5, 6, 7]) as callers:
        pass

    assert [caller.get() for caller in callers] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert run.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]


def test_with_a_limit_of_one_each_runs_in_its_own_thread_and_waits_for_nobody(settings):
    settings.GROUP_COMMIT_MAX_BATCH = 1
    gate = Gate()
    threads = []

    def note_and_wait(requests):
        threads.append(current_thread())
        if requests == [1]:
            gate()

    queue = GroupCommit(Doubling(within=note_and_wait))
    first = Caller(queue, 1)
    first.start()
    assert gate.reached.wait(WAIT_SECONDS)

    assert queue.submit("lane", 2) == 4

    gate.opened.set()
    assert first.get() == 2
    assert threads == [first, current_thread()]


def test_requests_of_different_keys_do_not_wait_for_each_other(arrivals):
    gate = Gate()
    run = Doubling(within=lambda requests: gate() if requests == [0] else None)
    queue = GroupCommit(run)

    with waiting_behind(queue, gate, arrivals, []) as (first,):
        assert queue.submit("another lane", 4) == 8

    assert first.get() == 0


def test_a_thousand_threads_are_each_answered_once_in_the_order_in_which_they_came(arrivals):
    run = Doubling()
    queue = GroupCommit(run)
    callers = [Caller(queue, number) for number in range(1_000)]
    for caller in callers:
        caller.start()

    assert [caller.get() for caller in callers] == [number * 2 for number in range(1_000)]
    served = [number for batch in run.batches for number in batch]
    assert served == arrivals.requests
    assert sorted(served) == list(range(1_000))


def test_more_lanes_than_committers_are_served_in_turn(arrivals, settings):
    gate = Gate()
    queue = GroupCommit(Doubling(within=lambda requests: gate() if requests == [0] else None))
    keys = range(settings.COMMITTERS * 3)

    with waiting_behind(queue, gate, arrivals, []) as (first,):
        futures = [queue.enqueue(key, 1) for key in keys for _ in range(3)]
        assert [future.result(WAIT_SECONDS) for future in futures] == [2] * len(futures)

    assert first.get() == 0


def test_nothing_is_kept_of_a_lane_that_nobody_waits_in():
    queue = GroupCommit(Doubling())
    for key in range(100):
        queue.submit(key, 1)

    assert queue._lanes == {}


# --- Refusals and failures ----------------------------------------------------------------------


def test_what_a_run_returns_as_an_error_is_raised_for_that_request_alone(arrivals):
    gate = Gate()

    def run(key, batch):
        gate()
        return [NotFound() if request == 3 else request for request in batch.close()]

    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [2, 3, 4]) as callers:
        pass

    outcomes = [caller.get() for caller in callers]
    assert (outcomes[:2], outcomes[3]) == ([0, 2], 4)
    assert isinstance(outcomes[2], NotFound)


def test_a_refusal_of_the_whole_batch_is_everybodys_each_with_an_error_of_its_own(arrivals):
    gate, runs = Gate(), []
    cause = ValueError("the driver's words")

    def run(key, batch):
        gate()
        runs.append(list(batch.close()))
        raise OutcomeUnknown from cause

    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [1, 2]) as callers:
        pass

    errors = [caller.get() for caller in callers]
    assert [type(error) for error in errors] == [OutcomeUnknown] * 3
    assert [error.__cause__ for error in errors] == [cause] * 3
    assert len({id(error) for error in errors}) == 3
    assert errors[0].items == errors[1].items == errors[2].items
    assert runs == [[0, 1, 2]]


def test_a_refusal_before_the_batch_was_closed_is_also_everybodys(arrivals):
    gate = Gate()

    def run(key, batch):
        gate()
        raise Unavailable

    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [1, 2]) as callers:
        pass

    assert [type(caller.get()) for caller in callers] == [Unavailable] * 3


def test_who_comes_when_a_lock_was_waited_for_in_vain_has_time_of_their_own(arrivals):
    gate = Gate()
    in_vain = iter([True, True, False])

    def wait_for_the_lock(key):
        gate()
        if next(in_vain):
            raise Busy

    run = Doubling(before=wait_for_the_lock)
    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [1, 2]) as callers:
        pass

    assert [caller.get() for caller in callers] == [0, 2, 4]
    assert run.batches == [[0, 1, 2]]


def test_one_bad_request_harms_no_other(arrivals):
    gate = Gate()

    def refuse_bad_ones(requests):
        gate()
        if 3 in requests:
            raise ValueError("3")

    run = Doubling(within=refuse_bad_ones)
    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [2, 3, 4]) as callers:
        pass

    outcomes = [caller.get() for caller in callers]
    assert (outcomes[:2], outcomes[3]) == ([0, 4], 8)
    assert (type(outcomes[2]), str(outcomes[2])) == (ValueError, "3")
    # Together first, then one by one, still in their order.
    assert run.batches == [[0], [2, 3, 4], [2], [3], [4]]


def test_when_every_request_is_bad_each_hears_of_its_own_fault(arrivals):
    gate = Gate()

    def refuse(requests):
        gate()
        raise ValueError(str(requests))

    queue = GroupCommit(Doubling(within=refuse))
    with waiting_behind(queue, gate, arrivals, [1, 2]) as callers:
        pass

    assert [str(caller.get()) for caller in callers] == ["[0]", "[1]", "[2]"]


def test_a_bad_request_by_itself_runs_once():
    run = Doubling(within=lambda requests: 1 / 0)
    queue = GroupCommit(run)

    with pytest.raises(ZeroDivisionError):
        queue.submit("lane", 1)

    assert run.batches == [[1]]
    assert queue._lanes == {}


def test_a_run_that_miscounts_is_a_bug_and_what_it_committed_is_not_done_again(arrivals):
    gate, runs = Gate(), []

    def run(key, batch):
        gate()
        runs.append(list(batch.close()))
        return [1]

    queue = GroupCommit(run)
    with waiting_behind(queue, gate, arrivals, [1, 2]) as callers:
        pass

    assert [str(caller.get()) for caller in callers] == ["1 outcomes for 3 requests"] * 3
    assert runs == [[0, 1, 2]]


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
