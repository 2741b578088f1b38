"""Group commit: requests that arrive while others are served share the next transaction.

A row that everybody wants can be locked once per request, or once for all who wait. Here they wait
in the order of their arrival, in a lane per contended thing. Whoever finds a lane empty serves it,
in its own thread and on its own database connection: it runs one transaction for itself and all
who wait behind it, gives each its answer, and hands the lead to the first of those who came
meanwhile. There is no thread besides those of the requests, nothing polls, and a request that
finds nobody before it is served at once, as if there were no queue.

docs/adr/0016-group-commit.md says why it is made this way.
"""

import copy
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from enum import Enum, auto
from threading import Lock
from typing import Any, Generic, TypeVar

from django.conf import settings

from ecommerce.common.errors import Busy, DomainError, OutcomeUnknown

Key = TypeVar("Key", bound=Hashable)
Request = TypeVar("Request")
Answer = TypeVar("Answer")

STALLED_SECONDS = 60.0
"""A run that takes longer is taken for dead: far beyond all timeouts of the database together."""


class Batch(Generic[Request]):
    """The requests that one run serves, in the order of their arrival.

    It is open to who still comes until it is first asked for: a run that has to wait for a lock
    asks after it has it, and so takes along all who came meanwhile.
    """

    def __init__(self, take: Callable[[], list[Request]]) -> None:
        self._take = take
        self._requests: list[Request] | None = None

    def close(self) -> Sequence[Request]:
        """The requests. The first call closes the batch; later ones return the same."""
        if self._requests is None:
            self._requests = self._take()
        return self._requests


Run = Callable[[Key, Batch[Request]], Sequence[Answer | DomainError]]
"""Serves a batch in one transaction: an answer or a refusal for each request, in their order.

It returns after the commit and does nothing after it. When it raises, it has rolled back (or, with
`OutcomeUnknown`, nobody can tell):

- a `DomainError` is the answer to every request of the batch;
- any other exception is the fault of one of them: each is then run in a batch of its own.
"""


class GroupCommit(Generic[Key, Request, Answer]):
    """Serves requests in batches, those of one key in the order of their arrival.

    At most `GROUP_COMMIT_MAX_BATCH` requests share a run; with 1 each runs by itself, at once.
    """

    def __init__(self, run: Run[Key, Request, Answer]) -> None:
        self._run = run
        self._start_empty()
        _instances.add(self)

    def _start_empty(self) -> None:
        self._mutex = Lock()
        self._lanes: dict[Key, _Lane[Request, Answer]] = {}  # a lane lasts as long as it is led

    def submit(self, key: Key, request: Request) -> Answer:
        """Have a request served and return its answer, which is committed by then.

        Raises:
            Busy: it waited for `GROUP_COMMIT_WAIT_SECONDS` and was in no batch; nothing was done.
            OutcomeUnknown: the thread that served it ended half-way.
            Exception: what the run returned or raised for it.
        """
        if settings.GROUP_COMMIT_MAX_BATCH == 1:
            (outcome,) = self._run(key, Batch(lambda: [request]))
            return _returned_or_raised(outcome)
        ticket: _Ticket[Request, Answer] = _Ticket(request)
        lane: _Lane[Request, Answer] | None = None
        try:
            with self._mutex:
                lane = self._lanes.get(key)
                if lane is None:
                    lane = _Lane(ticket)
                    self._lanes[key] = lane
                else:
                    lane.waiting.append(ticket)
                leads = lane.leader is ticket
            if leads or self._wait_for_the_lead(lane, ticket):
                self._lead(key, lane, ticket)
        except BaseException:  # its time is up, or its thread is being ended
            if lane is not None:
                self._leave(key, lane, ticket)
            raise
        return _returned_or_raised(ticket.outcome)

    # --- Waiting --------------------------------------------------------------------------------

    def _wait_for_the_lead(
        self, lane: "_Lane[Request, Answer]", ticket: "_Ticket[Request, Answer]"
    ) -> bool:
        """Wait until the request is to lead (True) or has its outcome (False)."""
        if not ticket.signal.acquire(timeout=settings.GROUP_COMMIT_WAIT_SECONDS):
            with self._mutex:
                if ticket.state is _State.WAITING:
                    if lane.is_stalled() and lane.next_to_lead() is ticket:
                        lane.take_over(ticket)
                        return True
                    # Out of the queue before the mutex is let go: nobody can take it any more.
                    lane.waiting.remove(ticket)
                    ticket.state = _State.SETTLED
                    raise Busy
            # It was taken, or is to lead: from here on only the outcome can tell what became of it.
            if not ticket.signal.acquire(timeout=STALLED_SECONDS):
                raise OutcomeUnknown
        return ticket.state is _State.LEADING

    def _leave(
        self, key: Key, lane: "_Lane[Request, Answer]", ticket: "_Ticket[Request, Answer]"
    ) -> None:
        with self._mutex:
            if ticket.state is _State.WAITING and ticket in lane.waiting:
                lane.waiting.remove(ticket)
        if ticket.state is _State.LEADING:  # it has the lead, and will not use it
            self._pass_on(key, lane, ticket)

    # --- Leading --------------------------------------------------------------------------------

    def _lead(
        self, key: Key, lane: "_Lane[Request, Answer]", leader: "_Ticket[Request, Answer]"
    ) -> None:
        """Serve one batch, with the leader's own request at its head, and pass the lead on."""
        taken: list[_Ticket[Request, Answer]] = []

        def take() -> list[Request]:
            with self._mutex:
                if lane.leader is not leader:  # it was taken for dead: the others are another's
                    leader.state = _State.TAKEN
                    taken.append(leader)
                    return [leader.request]
                while lane.waiting and len(taken) < settings.GROUP_COMMIT_MAX_BATCH:
                    ticket = lane.waiting.popleft()
                    ticket.state = _State.TAKEN
                    taken.append(ticket)
            return [ticket.request for ticket in taken]

        try:
            outcomes = self._outcomes(key, lane, Batch(take))
        except BaseException:  # this thread is being ended; nobody may go on waiting for it
            self._pass_on(key, lane, leader)
            for ticket in taken:
                ticket.settle(OutcomeUnknown())
            raise
        # First the lead: the next run can ask for its locks while these answers are handed out.
        self._pass_on(key, lane, leader)
        for ticket, outcome in zip(taken, outcomes, strict=True):
            ticket.settle(outcome)

    def _outcomes(
        self, key: Key, lane: "_Lane[Request, Answer]", batch: Batch[Request]
    ) -> Sequence[Answer | Exception]:
        try:
            outcomes = self._run(key, batch)
        except DomainError as error:
            return [error, *(_copy(error) for _ in batch.close()[1:])]
        except Exception as error:
            if len(batch.close()) == 1:
                return [error]
        else:
            requests = batch.close()
            if len(outcomes) != len(requests):
                bug = f"{len(outcomes)} outcomes for {len(requests)} requests"
                return [RuntimeError(bug) for _ in requests]
            return outcomes
        alone: list[Answer | Exception] = []
        for request in batch.close():
            lane.since = time.monotonic()
            alone.append(self._outcome_alone(key, request))
        return alone

    def _outcome_alone(self, key: Key, request: Request) -> Answer | Exception:
        try:
            (outcome,) = self._run(key, Batch(lambda: [request]))
        except Exception as error:
            return error
        return outcome

    def _pass_on(
        self, key: Key, lane: "_Lane[Request, Answer]", leader: "_Ticket[Request, Answer]"
    ) -> None:
        with self._mutex:
            if lane.leader is not leader:
                return  # it was taken for dead, and another leads
            if leader.state is _State.LEADING:  # it ended before it took anybody, itself included
                lane.waiting.remove(leader)
                leader.state = _State.SETTLED
            if lane.waiting:
                lane.lead(lane.waiting[0])
                lane.waiting[0].signal.release()
            elif self._lanes.get(key) is lane:
                del self._lanes[key]


class _State(Enum):
    WAITING = auto()
    LEADING = auto()
    TAKEN = auto()
    SETTLED = auto()


class _Ticket(Generic[Request, Answer]):
    """One request on its way through a lane."""

    __slots__ = ("outcome", "request", "signal", "state")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.state = _State.WAITING
        self.outcome: Answer | Exception = OutcomeUnknown()
        self.signal = Lock()  # held while there is nothing to do; released to lead, or to answer
        self.signal.acquire()

    def settle(self, outcome: Answer | Exception) -> None:
        self.outcome = outcome
        self.state = _State.SETTLED
        self.signal.release()


class _Lane(Generic[Request, Answer]):
    """Those who wait for one thing, the first first; who leads, and since when."""

    __slots__ = ("leader", "since", "waiting")

    def __init__(self, leader: _Ticket[Request, Answer]) -> None:
        self.waiting: deque[_Ticket[Request, Answer]] = deque()
        self.waiting.append(leader)
        self.lead(leader)

    def lead(self, ticket: _Ticket[Request, Answer]) -> None:
        ticket.state = _State.LEADING
        self.leader = ticket
        self.since = time.monotonic()

    def is_stalled(self) -> bool:
        return time.monotonic() - self.since > STALLED_SECONDS

    def next_to_lead(self) -> _Ticket[Request, Answer]:
        """The first of those who wait, but for a leader that has not taken itself yet."""
        return self.waiting[1] if self.waiting[0] is self.leader else self.waiting[0]

    def take_over(self, ticket: _Ticket[Request, Answer]) -> None:
        """Lead instead of one who is taken for dead: exact all the same, by the locks."""
        if self.waiting[0] is self.leader:
            self.waiting.popleft()
        self.lead(ticket)


def _returned_or_raised(outcome: Answer | Exception) -> Answer:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _copy(error: DomainError) -> DomainError:
    """Each thread raises an error of its own: a traceback grows where it is raised."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


_instances: "weakref.WeakSet[GroupCommit[Any, Any, Any]]" = weakref.WeakSet()


def _forget_the_threads_of_the_parent() -> None:
    for instance in _instances:
        instance._start_empty()


os.register_at_fork(after_in_child=_forget_the_threads_of_the_parent)
