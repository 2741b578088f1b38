"""Rows that somebody else holds locked, for as long as a test likes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from django.db import connections, transaction
from django.db.models import QuerySet

from ecommerce.tests.threads import FINISH_SECONDS


@contextmanager
def held(rows: "QuerySet[Any]") -> Iterator[None]:
    """A transaction of another connection holds the rows for as long as the block lasts."""
    locked, let_go = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                assert list(rows.select_for_update()), "there is nothing to hold"
                locked.set()
                assert let_go.wait(FINISH_SECONDS)
                transaction.set_rollback(True)
        finally:
            connections.close_all()

    holder = Thread(target=hold, daemon=True)
    holder.start()
    try:
        assert locked.wait(FINISH_SECONDS)
        yield
    finally:
        let_go.set()
        holder.join(FINISH_SECONDS)


class Sent:
    """Requests that were sent at once, each by a thread of its own."""

    def __init__(self, requests: Sequence[Callable[[], Any]]) -> None:
        self.answers: list[Any] = [None] * len(requests)
        self._threads = [
            Thread(target=self._send, args=pair, daemon=True) for pair in enumerate(requests)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, place: int, request: Callable[[], Any]) -> None:
        try:
            self.answers[place] = request()
        except Exception as error:
            self.answers[place] = error
        finally:
            connections.close_all()

    def unanswered(self) -> int:
        """How many have no answer yet."""
        return sum(answer is None for answer in self.answers)

    def all(self) -> list[Any]:
        """Their answers, when all are there."""
        for thread in self._threads:
            thread.join(FINISH_SECONDS)
        assert not self.unanswered()
        return self.answers
