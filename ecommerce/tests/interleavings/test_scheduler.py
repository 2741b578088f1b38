"""The scheduler by itself: it leaves no order out, and finds what is known to be there."""

from functools import partial
from math import comb

import pytest

from ecommerce.tests.interleavings.scheduler import (
    Found,
    Mutex,
    Scheduler,
    Stage,
    Thing,
    explore,
    repeat,
    walk,
)


def no_look() -> None:
    pass


def steps_of(counts: list[int], *, apart: bool = False) -> tuple[Stage, set[str]]:
    """Threads of so many steps each, on one thing or each on its own; and the orders there were."""
    orders: set[str] = set()

    def stage(scheduler: Scheduler):
        things = [Thing() for _ in counts] if apart else [Thing()] * len(counts)
        order: list[str] = []

        def steps(me: int) -> None:
            for _ in range(counts[me]):
                scheduler.pause("steps", things[me])
                order.append(str(me))

        for me in range(len(counts)):
            scheduler.start(f"thread {me}", partial(steps, me))
        return lambda: orders.add("".join(order))

    return stage, orders


@pytest.mark.parametrize(("counts", "orders"), [([1, 1], 2), ([3, 3], 20), ([2, 2, 2], 90)])
def test_every_order_of_steps_on_one_thing_is_run_once(counts, orders):
    stage, seen = steps_of(counts)

    found = explore(stage)

    assert (found.runs, len(seen)) == (orders, orders)


def test_orders_of_what_has_nothing_to_do_with_each_other_are_one():
    stage, _ = steps_of([3, 3], apart=True)

    found = explore(stage)

    assert found.runs == 1
    assert found.runs + found.given_up < comb(6, 3)


def test_with_fewer_switches_there_are_fewer_orders():
    stage, seen = steps_of([3, 3])

    found = explore(stage, switches=1)

    # One goes to its end and then the other, or is interrupted once, by the other to its end.
    assert found.faults == []
    assert seen == {f"{a * n}{b * 3}{a * (3 - n)}" for a, b in ("01", "10") for n in range(4)}


def counting(scheduler: Scheduler, mutex: Mutex | None):
    """Two threads that read a number and write it back greater by one."""
    number, kept = Thing(), [0]

    def count() -> None:
        scheduler.pause("reads", number, reads=True)
        read = kept[0]
        scheduler.pause("writes", number)
        kept[0] = read + 1

    def locked() -> None:
        with mutex:
            count()

    for name in ("one", "another"):
        scheduler.start(name, locked if mutex else count)

    def look() -> None:
        if kept != [2]:
            scheduler.wrong(f"counted to {kept[0]}")

    return look


def test_an_update_is_lost_without_a_lock_and_not_with_it():
    found = explore(lambda scheduler: counting(scheduler, None))
    assert found.faults == ["counted to 1"]

    found = explore(lambda scheduler: counting(scheduler, Mutex(scheduler)))
    assert found.faults == []


def test_two_locks_in_either_order_end_with_two_who_wait():
    def stage(scheduler: Scheduler):
        mutexes = [Mutex(scheduler), Mutex(scheduler)]

        def lock(first: Mutex, second: Mutex) -> None:
            with first, second:
                pass

        scheduler.start("one", lambda: lock(*mutexes))
        scheduler.start("another", lambda: lock(*reversed(mutexes)))
        return no_look

    assert explore(stage).faults == ["one waits for ever", "another waits for ever"]


@pytest.mark.parametrize(("early", "worked_at"), [(0, {0.0}), (1, {0.0, 5.0})])
def test_time_passes_when_nobody_can_go_on_or_as_often_as_it_may(early, worked_at):
    seen = set()

    def stage(scheduler: Scheduler):
        rung = []

        def work() -> None:
            scheduler.pause("works", Thing())
            seen.add(scheduler.monotonic())

        scheduler.start("worker", work)
        scheduler.start("timer", lambda: rung.append(scheduler.now), due=5.0)
        return lambda: None if rung == [5.0] else scheduler.wrong("no bell")

    found = explore(stage, early=early)

    assert found.faults == []
    assert seen == worked_at


def test_what_fails_is_told():
    def stage(scheduler: Scheduler):
        scheduler.start("one", lambda: 1 // 0)
        return no_look

    (fault,) = explore(stage).faults
    assert fault.startswith("one fails with ZeroDivisionError")


def test_a_seed_and_its_decisions_lead_to_the_same_run_each_time():
    def stage(scheduler: Scheduler):
        return counting(scheduler, None)

    def same(found: Found) -> tuple[list[str], list[str], list[int]]:
        return found.faults, found.trace, found.decisions

    runs = [walk(stage, seed) for seed in range(20)]
    assert {bool(found.faults) for found in runs} == {True, False}
    for seed, found in enumerate(runs):
        assert same(walk(stage, seed)) == same(found)
        assert same(repeat(stage, found.decisions)) == same(found)
