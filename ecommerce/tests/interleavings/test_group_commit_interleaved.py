"""The queue of a group commit under every order in which its threads can meet.

`INTERLEAVINGS=long` explores at length what is bounded otherwise, and takes some minutes;
`INTERLEAVINGS_SEEDS=1000` takes so many walks of each scenario.
"""

import os
from collections.abc import Callable

import pytest
from django.db import connection

from ecommerce.tests.interleavings.scenarios import Line, Scenario, on_stage
from ecommerce.tests.interleavings.scheduler import explore, repeat, walk

pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="asks no database: it runs with the suite on SQLite"
)

LONG = os.environ.get("INTERLEAVINGS") == "long"
SEEDS = int(os.environ.get("INTERLEAVINGS_SEEDS", "20"))

TWO = [[1], [2]]
SCENARIOS = {
    "two come": Scenario(threads=TWO),
    "three come": Scenario(),
    "two at a time": Scenario(most=2, switches=1),
    "one comes twice": Scenario(threads=[[1, 2], [3]]),
    "two lanes": Scenario(threads=TWO, lanes={2: "another"}, switches=2),
    "three in two lanes": Scenario(lanes={3: "another"}, switches=1),
    "deadlines": Scenario(threads=TWO, early=1, switches=2),
    "a shorter deadline": Scenario(threads=TWO, waits={2: 1.0}, early=1, switches=1),
    "called off": Scenario(threads=TWO, called_off=2),
    "called off at the deadline": Scenario(threads=TWO, called_off=2, early=1, switches=1),
    "one is bad": Scenario(threads=TWO, bad=2),
    "a run is ended": Scenario(threads=TWO, deaths=1),
    "two runs are ended": Scenario(threads=TWO, deaths=2),
    "ended at the deadline": Scenario(threads=TWO, deaths=1, early=1, switches=1),
    "a held row": Scenario(threads=TWO, rows={1: 1}),
    "a held row for two": Scenario(threads=TWO, rows={1: 1, 2: 1}),
    "a held row at the deadline": Scenario(threads=[[1]], rows={1: 1}, early=1),
    "a hot row": Scenario(threads=TWO, rows={1: 1, 2: 1}, is_hot=True, switches=1),
    "a hot row at the deadline": Scenario(
        threads=[[1]], rows={1: 1}, is_hot=True, early=1, switches=1
    ),
    "no thread": Scenario(threads=TWO, refusals=1),
    "no threads": Scenario(threads=TWO, refusals=2),
    "no thread for a held row": Scenario(threads=[[1]], rows={1: 1}, refusals=1),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost_doubled_or_told_too_early_in_any_order(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    scenario = SCENARIOS[name]
    with on_stage(scenario) as stage:
        switches = None if LONG else scenario.switches
        found = explore(stage, early=scenario.early, switches=switches)

    assert not found.faults, found.told()
    record_property("runs", found.runs + found.given_up)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nor_on_walks_without_any_bound(name: str) -> None:
    scenario = SCENARIOS[name]
    with on_stage(scenario) as stage:
        for seed in range(SEEDS):
            found = walk(stage, seed, early=2 * scenario.early)
            assert not found.faults, f"seed {seed}\n{found.told()}"


PLANTED = {
    "an answer before its commit": (
        "two come",
        [
            Line(
                "                outcomes = self._outcomes(key, batch)\n",
                "                for ticket in batch.tickets():\n"
                "                    ticket.settle(ticket.request)\n"
                "                self._outcomes(key, batch)\n"
                "                outcomes = []\n",
            )
        ],
        "is answered before its commit",
    ),
    "a wake-up that goes to nobody": (
        "two come",
        [
            Line(
                "        with self._mutex:\n"
                "            somebody_waits = bool(self._lanes[lane])\n"
                "            if not",
                "        somebody_waits = bool(self._lanes[lane])\n"
                "        with self._mutex:\n"
                "            if not",
            )
        ],
        "is never answered",
    ),
    "two committers for one lane": (
        "two come",
        [Line("begins = lane is None\n", "begins = not lane\n")],
        "two serve the lane",
    ),
    "an answer to who was answered": (
        "deadlines",
        [Line("queue.remove(ticket)  # nobody can take it any more\n", "pass\n")],
        "somebody is answered twice",
    ),
    "busy to who is in a batch": (
        "deadlines",
        [
            Line("queue.remove(ticket)  # nobody can take it any more\n", "pass\n"),
            Line(
                "            ticket.settle(outcome)\n",
                "            if not ticket.future.done():\n"
                "                ticket.settle(outcome)\n",
            ),
        ],
        "has Busy, and was 1 times done",
    ),
    "a lane that dies with its committer": (
        "a run is ended",
        [
            Line(
                "            served()\n            for ticket in tickets:",
                "            for ticket in tickets:",
            )
        ],
        "has Busy, and was 0 times done",
    ),
    "a row that is looked at once": (
        "a held row",
        [
            Line(
                "self._looks = None\n            look = self._look_later()\n        for",
                "look = self._look_later()\n        for",
            )
        ],
        "is left: (0, 0, True)",
    ),
    "who is parked stays so": (
        "a held row",
        [Line("self._parked.pop(row, ())", "self._parked.get(row, ())")],
        "somebody is answered twice",
    ),
    "a lane without a thread": (
        "no thread",
        [Line("waiting = self._lanes.pop(lane)", "waiting = list(self._lanes[lane])")],
        "is left: (1, 0, False)",
    ),
    "a thread that is started under the mutex": (
        "two come",
        [
            Line(
                "            alarm = self._wake_by(ticket.deadline)\n",
                "            alarm = self._wake_by(ticket.deadline)\n"
                "            self._start(alarm)\n"
                "            alarm = None\n",
            )
        ],
        "others gather at the mutex",
    ),
    "a timer that cannot be had": (
        "no thread",
        [
            Line(
                "except RuntimeError:  # no thread is to be had for it: who comes next",
                "except ZeroDivisionError:  # no thread is to be had for it: who comes next",
            )
        ],
        "1 was not let in",
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_control_a_planted_bug_is_found(bug: str) -> None:
    name, fault, told = PLANTED[bug]
    scenario = SCENARIOS[name]
    with on_stage(scenario, fault) as stage:
        found = explore(stage, early=scenario.early, switches=scenario.switches, sought=told)

        assert told in str(found.faults)
        again = repeat(stage, found.decisions, early=scenario.early)
        assert (again.faults, again.trace) == (found.faults, found.trace)


def test_control_a_seed_that_fails_fails_again_in_the_same_way() -> None:
    name, fault, told = PLANTED["two committers for one lane"]
    with on_stage(SCENARIOS[name], fault) as stage:
        seed = next(seed for seed in range(500) if told in str(walk(stage, seed).faults))
        first, *again = (walk(stage, seed) for _ in range(3))

    assert [(one.faults, one.trace) for one in again] == [(first.faults, first.trace)] * 2
