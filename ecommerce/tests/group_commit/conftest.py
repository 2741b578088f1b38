"""Runs, callers and gates for the tests of the queue by itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from common.db.group_commit import GroupCommit
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
