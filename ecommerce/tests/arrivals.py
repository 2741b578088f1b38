"""Seeing requests enter the queue of a group commit, and waiting until so many have."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Any
from unittest import mock

WAIT_SECONDS = 20


class Arrivals:
    """The requests that entered a queue, in their order."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self._changed = Condition()

    def append(self, request: Any) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until `count` requests have entered, all told."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.requests) >= count, WAIT_SECONDS)
        assert came, f"{len(self.requests)} requests of {count} came"


@contextmanager
def watched_arrivals() -> Iterator[Arrivals]:
    """Watch all queues that begin meanwhile. An entry is seen under the queue's own mutex."""
    arrivals = Arrivals()

    class WatchedQueue(deque[Any]):
        def append(self, ticket: Any) -> None:
            super().append(ticket)
            arrivals.append(ticket.request)

    with mock.patch("common.db.group_commit.deque", WatchedQueue):
        yield arrivals
