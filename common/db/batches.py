"""What one run of a group commit serves: requests that share a transaction, in their order."""

import time
from collections.abc import Callable, Collection, Hashable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

import structlog
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection
from django.utils import timezone

from common.db import timing
from common.db.database_errors import is_out_of_time
from common.db.locks import Row, RowHeld, Waiting
from common.db.transactions import discard_transaction, run_transaction
from common.errors import DomainError

Key = TypeVar("Key", bound=Hashable)
Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Ticket(Generic[Key, Request, Answer]):
    """One request on its way."""

    __slots__ = (
        *("arrived", "deadline", "future", "is_claimed", "key"),
        *("may_wait", "number", "request", "request_id", "spent"),
    )

    def __init__(self, key: Key, request: Request) -> None:
        self.key = key
        self.request = request
        self.may_wait = False
        self.future: Future[Answer] = Future()
        self.number = 0
        self.arrived = time.monotonic()
        self.deadline = self.arrived + settings.GROUP_COMMIT_WAIT_SECONDS
        self.is_claimed = False
        self.request_id = structlog.contextvars.get_contextvars().get("request_id")
        self.spent = timing.spent()

    @property
    def lane(self) -> "tuple[Key, bool]":
        """Where it waits: in its key's lane, or in the one beside."""
        return self.key, self.may_wait

    def claim(self) -> bool:
        """Whether anybody still waits for it; from now on it can't be called off."""
        self.is_claimed = self.is_claimed or self.future.set_running_or_notify_cancel()
        return self.is_claimed

    def settle(self, outcome: Answer | Exception) -> None:
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Batch(Generic[Request]):
    """The requests that one run serves, in the order of their arrival.

    It is open to who still comes until it is first asked for: a run that has to wait for a lock
    asks after it has it, and so takes along all who came meanwhile.
    """

    def __init__(
        self, take: Callable[[int], list[Ticket[Any, Request, Any]]], waiting: Waiting
    ) -> None:
        self.waiting = waiting
        """How long the run may wait for rows that others hold."""
        self.moment = timezone.now()
        """When the run began: the same in each of its attempts."""
        self.held: list[tuple[Ticket[Any, Request, Any], Row]] = []
        """Those that were left out, and the row that each of them needs."""
        self.request_ids: list[str] = []
        self.closed_at = 0.0
        """When it was first asked for, by `time.monotonic`."""
        self._take = take
        self._tickets: list[Ticket[Any, Request, Any]] | None = None

    def close(self) -> Sequence[Request]:
        """The requests. The first call closes the batch; later ones return the same."""
        return [ticket.request for ticket in self.tickets()]

    @classmethod
    def of(cls, ticket: Ticket[Any, Request, Any], waiting: Waiting) -> "Batch[Request]":
        """A batch of one request, closed."""
        batch = cls(lambda most: [ticket], waiting)
        batch.tickets()
        return batch

    def tickets(self, most: int | None = None) -> list[Ticket[Any, Request, Any]]:
        """As `close`, with what is known of each request; closed with so many at most."""
        if self._tickets is None:
            self._tickets = self._take(most or settings.GROUP_COMMIT_MAX_BATCH)
            self.closed_at = time.monotonic()
            self.request_ids += [ticket.request_id for ticket in self._tickets if ticket.request_id]
        return self._tickets

    def without(self, places: Collection[int]) -> "Batch[Request]":
        """A closed batch of the same moment, of the others."""
        rest = [ticket for place, ticket in enumerate(self.tickets()) if place not in places]
        batch: Batch[Request] = Batch(lambda most: rest, self.waiting)
        batch.moment = self.moment
        batch.tickets()
        return batch

    @property
    def is_open(self) -> bool:
        """Whether nobody was taken yet."""
        return self._tickets is None

    def leave_out(self, held: dict[int, Row]) -> None:
        """Take requests, by their places, out of the batch: they need rows that others hold."""
        tickets = self.tickets()
        self.held += [(tickets[place], row) for place, row in held.items()]
        self._tickets = [ticket for place, ticket in enumerate(tickets) if place not in held]


Run = Callable[[Key, Batch[Request]], Sequence[Answer | DomainError]]
"""Serves a batch in one transaction: an answer or a refusal for each request, in their order.

It returns after the commit and does nothing to the database after it. When it raises, it has rolled
back (or, with `OutcomeUnknown`, nobody can tell):

- a `DomainError` is the answer to every request of the batch;
- any other exception is the fault of one of them: each is then run in a batch of its own.
"""

Work = Callable[[Key, Batch[Request], Waiting], Sequence[Answer | DomainError | RowHeld]]
"""Locks, closes the batch, decides and writes, in the transaction that is open.

It returns an answer, a refusal or a `RowHeld` for each request, in their order.
"""

FindAgain = Callable[[Key, Batch[Request]], Sequence[Answer | None]]
"""What a lost transaction did for each request of a batch, None for nothing.

Under the locks of that transaction, and however long they take: only then it can be told.
"""


def committed(
    work: Work[Key, Request, Answer], *, find_again: FindAgain[Key, Request, Answer] | None = None
) -> Run[Key, Request, Answer]:
    """A run that does `work` in one transaction, as `run_transaction` does.

    A batch with no answer has written nothing and is rolled back. `RowHeld` leaves a request out of
    the batch; raised, it leaves out all of them. Where `work` may wait for a moment and that is not
    enough, it runs again without waiting, to find out whom it can serve.
    """

    def run(key: Key, batch: Batch[Request]) -> Sequence[Answer | DomainError]:
        def once_more() -> Sequence[Answer | DomainError]:
            return run_transaction(
                partial(_attempt, work, key, batch),
                find_again=find_again and partial(_settle, work, find_again, key, batch),
            )

        if not connection.in_atomic_block:
            close_old_connections()  # as a request does when it begins
        try:
            return once_more()
        except OperationalError as error:
            if not is_out_of_time(error):
                raise
        batch.waiting = Waiting.NONE
        return once_more()

    return run


def _attempt(
    work: Work[Key, Request, Answer], key: Key, batch: Batch[Request]
) -> Sequence[Answer | DomainError]:
    try:
        found = work(key, batch, batch.waiting)
    except RowHeld as held:
        discard_transaction()
        batch.leave_out(dict.fromkeys(range(len(batch.tickets())), held.row))
        return []
    if rows := {
        place: outcome.row for place, outcome in enumerate(found) if isinstance(outcome, RowHeld)
    }:
        batch.leave_out(rows)
    outcomes = [outcome for outcome in found if not isinstance(outcome, RowHeld)]
    if all(isinstance(outcome, DomainError) for outcome in outcomes):
        discard_transaction()
    return outcomes


def _settle(
    work: Work[Key, Request, Answer],
    find_again: FindAgain[Key, Request, Answer],
    key: Key,
    batch: Batch[Request],
) -> Sequence[Answer | DomainError] | None:
    batch.waiting = Waiting.LONG
    found = find_again(key, batch)
    done = {place for place, answer in enumerate(found) if answer is not None}
    if not done:
        return None
    rest = batch.without(done)
    others = iter(work(key, rest, Waiting.LONG) if rest.tickets() else ())
    return [next(others) if answer is None else answer for answer in found]  # type: ignore[misc]
