"""The queue by itself: batches, order and failures, with a run made of plain Python."""

from threading import current_thread

import pytest

from common.db.group_commit import GroupCommit
from common.errors import Busy, NotFound, OutcomeUnknown, Unavailable
from ecommerce.tests.arrivals import WAIT_SECONDS
from ecommerce.tests.group_commit.conftest import Caller, Doubling, Gate, waiting_behind

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
