"""Group commit: requests that arrive while others are served share the next transaction.

A row that everybody wants can be locked once per request, or once for all who wait. Here they wait
in the order of their arrival, in a lane per contended thing. A committer thread serves a lane: it
runs one transaction for all who wait, gives each its answer, and begins anew with those who came
meanwhile. A request is a future: it holds neither a thread nor a connection while it waits.

What somebody else holds locked delays who needs it and nobody else. A batch waits for no row: it
leaves out the requests that need one which others hold (`RowHeld`). Most often that is a batch of
another process, which wants the same hot row; such requests go to a lane beside, where a batch does
wait, for a moment, in the row's own queue. Else they are parked until the row is free, at no cost
of a thread, and then go back to their place in their lane.

Any service can be given lanes. It says how a batch is run, in one transaction, and which
rows a request needs: `_placing = GroupCommit(committed(_place), _rows_of)`.

docs/adr/0031-committers-and-held-rows.md says why it is made this way.
"""

import copy
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import count
from threading import Lock, Timer
from typing import Any, Generic

import structlog
from django.conf import settings
from django.db import connection

from common import metrics
from common.db import committers, timing
from common.db.batches import Answer, Batch, Key, Request, Run, Ticket
from common.db.locks import Row, Waiting, free_rows
from common.errors import Busy, DomainError, OutcomeUnknown

CONTENDED_SECONDS = 3.0
"""How long a hot row that was held is taken for one that is held again, by who comes next."""
LOOK_SECONDS = 0.05
"""How long after a look at the rows that others hold the next one is taken."""

logger = structlog.get_logger(__name__)


class GroupCommit(Generic[Key, Request, Answer]):
    """Serves requests in batches, those of one key in the order of their arrival.

    At most `GROUP_COMMIT_MAX_BATCH` requests share a run; with 1 each runs by itself, at once and
    in the thread that asks, and so does each that asks within a transaction (a test's).

    `rows_of(key, request)` are the rows that a request locks. While one of them is known to be
    held, a request that needs it doesn't even line up. `most` is a limit of one's own, and `deed`
    is what the requests are counted as.
    """

    def __init__(
        self,
        run: Run[Key, Request, Answer],
        rows_of: Callable[[Key, Request], Iterable[Row]] = lambda key, request: (),
        *,
        most: int | None = None,
        deed: str = "other",
    ) -> None:
        self._run = run
        self._rows_of = rows_of
        self._most = most
        self._deed = deed
        metrics.expect(deed)
        self._start_empty()
        _instances.add(self)

    def _start_empty(self) -> None:
        self._mutex = Lock()
        self._arrivals = count()
        # A lane lasts as long as somebody waits in it or is served.
        self._lanes: dict[tuple[Key, bool], deque[Ticket[Key, Request, Answer]]] = {}
        self._contended: dict[Row, float] = {}
        self._parked: dict[Row, list[Ticket[Key, Request, Answer]]] = {}
        self._looks: Timer | None = None
        self._alarm: tuple[float, Timer] | None = None

    def submit(self, key: Key, request: Request) -> Answer:
        """Have a request served and return its answer, which is committed by then.

        Raises:
            Busy: it waited for `GROUP_COMMIT_WAIT_SECONDS` and was in no batch; nothing was done.
            OutcomeUnknown: the thread that served it ended half-way.
            Exception: what the run returned or raised for it.
        """
        return self.enqueue(key, request).result()

    def enqueue(self, key: Key, request: Request) -> "Future[Answer]":
        """As `submit`, without waiting: the answer, or what is raised, is the future's.

        A future that is cancelled while its request waits in the queue was never asked.
        """
        ticket: Ticket[Key, Request, Answer] = Ticket(key, request)
        if settings.GROUP_COMMIT_MAX_BATCH == 1 or connection.in_atomic_block:
            ticket.claim()
            self._serve(key, Batch.of(ticket, Waiting.LONG))
            return ticket.future
        with self._mutex:
            ticket.number = next(self._arrivals)
            row = self._first(ticket, self._parked)
            if row is not None:
                self._parked[row].append(ticket)
            else:
                ticket.may_wait = self._is_contended(ticket)
            begins = row is None and self._line_up(ticket)
            alarm = self._wake_by(ticket.deadline)
        if begins:
            self._begin(ticket.lane)
        self._start(alarm)
        return ticket.future

    # --- In a lane ------------------------------------------------------------------------------

    def _first(self, ticket: Ticket[Key, Request, Answer], rows: Collection[Row]) -> Row | None:
        """The first of `rows` that a request locks."""
        if not rows:
            return None
        return next((row for row in self._rows_of(ticket.key, ticket.request) if row in rows), None)

    def _line_up(self, ticket: Ticket[Key, Request, Answer]) -> bool:
        """Whether the lane begins with this one. Needs the mutex."""
        lane = self._lanes.get(ticket.lane)
        begins = lane is None
        if lane is None:
            lane = self._lanes[ticket.lane] = deque()
        lane.append(ticket)
        return begins

    def _begin(self, lane: tuple[Key, bool]) -> None:
        try:
            committers.run_soon(partial(self._serve_lane, lane), may_wait=lane[1])
        except RuntimeError:  # no thread is to be had: the process is ending, or the system is full
            with self._mutex:
                waiting = self._lanes.pop(lane)
            for ticket in waiting:
                if ticket.claim():
                    ticket.settle(Busy())

    def _serve_lane(self, lane: tuple[Key, bool]) -> None:
        """Serve one batch of a lane."""
        if not self._lanes[lane]:  # those who waited are parked, or were turned away
            self._go_on(lane)
            return

        def take(most: int) -> list[Ticket[Key, Request, Answer]]:
            taken: list[Ticket[Key, Request, Answer]] = []
            with self._mutex:
                waiting = self._lanes[lane]
                while waiting and len(taken) < (self._most or most):
                    ticket = waiting.popleft()
                    if ticket.claim():
                        taken.append(ticket)
            return taken

        key, may_wait = lane
        batch = Batch(take, Waiting.BRIEF if may_wait else Waiting.NONE)
        with structlog.contextvars.bound_contextvars(request_ids=batch.request_ids):
            self._serve(key, batch, served=partial(self._go_on, lane))

    def _go_on(self, lane: tuple[Key, bool]) -> None:
        with self._mutex:
            somebody_waits = bool(self._lanes[lane])
            if not somebody_waits:
                del self._lanes[lane]
        if somebody_waits:
            self._begin(lane)

    # --- In a batch -----------------------------------------------------------------------------

    def _serve(
        self, key: Key, batch: Batch[Request], served: Callable[[], None] = lambda: None
    ) -> None:
        try:
            with timing.spending() as spent:
                outcomes = self._outcomes(key, batch)
            if batch.held:
                self._set_aside(batch.held)
        except BaseException:  # this thread is being ended; nobody may go on waiting for it
            logger.exception("committer_ended")
            # An open batch has done nothing: the next run serves all but the first, lest none ends.
            tickets = [*batch.tickets(most=1), *(ticket for ticket, _ in batch.held)]
            served()
            for ticket in tickets:
                ticket.settle(OutcomeUnknown())
            raise
        # First the next run: it can ask for its locks while these answers are handed out.
        served()
        for ticket, outcome in outcomes:
            ticket.spent.queue += batch.closed_at - ticket.arrived
            ticket.spent.lock += spent.lock
            ticket.spent.database += spent.database
            ticket.settle(outcome)
        if outcomes:
            waits = (batch.closed_at - ticket.arrived for ticket, _ in outcomes)
            metrics.count_batch(self._deed, waits)
            metrics.count_outcomes(self._deed, (outcome for _, outcome in outcomes))

    def _outcomes(
        self, key: Key, batch: Batch[Request]
    ) -> list[tuple[Ticket[Key, Request, Answer], Answer | Exception]]:
        try:
            outcomes = self._run(key, batch)
        except DomainError as error:
            if isinstance(error, Busy) and batch.is_open:
                return []  # nobody was taken: each goes on waiting, until its own time is up
            return [(ticket, _copy(error)) for ticket in batch.tickets()]
        except Exception as error:
            if len(batch.tickets()) == 1:
                return [(batch.tickets()[0], error)]
        else:
            tickets = batch.tickets()
            if len(outcomes) == len(tickets):
                return list(zip(tickets, outcomes, strict=True))
            bug = f"{len(outcomes)} outcomes for {len(tickets)} requests"
            return [(ticket, RuntimeError(bug)) for ticket in tickets]
        return [
            pair for ticket in batch.tickets() for pair in self._outcome_alone(key, ticket, batch)
        ]

    def _outcome_alone(
        self, key: Key, ticket: Ticket[Key, Request, Answer], batch: Batch[Request]
    ) -> list[tuple[Ticket[Key, Request, Answer], Answer | Exception]]:
        alone = Batch.of(ticket, batch.waiting)
        try:
            outcomes: Sequence[Answer | Exception] = self._run(key, alone)
        except Exception as error:
            outcomes = [error]
        batch.held += alone.held
        return [
            (served, outcome) for served, outcome in zip(alone.tickets(), outcomes, strict=True)
        ]

    # --- Set aside: somebody else holds a row ---------------------------------------------------

    def _set_aside(self, held: list[tuple[Ticket[Key, Request, Answer], Row]]) -> None:
        """Have requests wait for rows that others hold, and with them all that need these rows."""
        with self._mutex:
            aside = [ticket for ticket, row in held if row.lock.is_hot and not ticket.may_wait]
            self._expect_contention(row for ticket, row in held if ticket in aside)
            for ticket, row in held:
                if ticket not in aside:
                    self._parked.setdefault(row, []).append(ticket)
            for waiting in self._lanes.values():
                for ticket in list(waiting):
                    if (found := self._first(ticket, self._parked)) is not None:
                        waiting.remove(ticket)
                        self._parked[found].append(ticket)
                    elif not ticket.may_wait and self._is_contended(ticket):
                        waiting.remove(ticket)
                        aside.append(ticket)
            for ticket in aside:
                ticket.may_wait = True
            begins = self._line_up_again(aside)
            alarm = self._wake_by(min(ticket.deadline for ticket, _ in held))  # may be over
            look = self._look_later()
        for lane in begins:
            self._begin(lane)
        self._start(alarm, look)

    def _is_contended(self, ticket: Ticket[Key, Request, Answer]) -> bool:
        """Whether a request needs a hot row that was held when others came lately.

        Needs the mutex.
        """
        row = self._first(ticket, self._contended)
        if row is None:
            return False
        if self._contended[row] > time.monotonic():
            self._expect_contention([row])
            return True
        del self._contended[row]
        return self._is_contended(ticket)

    def _expect_contention(self, rows: Iterable[Row]) -> None:
        self._contended |= dict.fromkeys(rows, time.monotonic() + CONTENDED_SECONDS)

    def _look_later(self) -> Timer | None:
        """Look at the held rows in a moment, if anybody waits for one. Needs the mutex.

        Returns what is to be started without it.
        """
        if self._looks is None and self._parked:
            self._looks = _timer(LOOK_SECONDS, self._look_soon)
            return self._looks
        return None

    def _look_soon(self) -> None:
        try:
            committers.run_soon(self._look)
        except RuntimeError:  # no thread is to be had now
            with self._mutex:
                self._looks = None
                look = self._look_later()
            self._start(look)

    def _look(self) -> None:
        """Let those go back to their lanes whose rows nobody holds any more."""
        with self._mutex:
            rows = list(self._parked)
        try:
            free = free_rows(rows)
        except Exception as error:  # each hears of it in its own batch
            is_bug = not isinstance(error, DomainError)  # or else the database is away
            logger.warning("held_rows_not_read", error=repr(error), exc_info=is_bug)
            free = rows
        with self._mutex:
            back = [ticket for row in free for ticket in self._parked.pop(row, ())]
            self._expect_contention(row for row in free if row.lock.is_hot)
            for ticket in back:  # one lane for all who need a hot row, or they would overtake
                ticket.may_wait = ticket.may_wait or self._is_contended(ticket)
            begins = self._line_up_again(back)
            self._looks = None
            look = self._look_later()
        for lane in begins:
            self._begin(lane)
        self._start(look)

    def _line_up_again(self, tickets: list[Ticket[Key, Request, Answer]]) -> list[tuple[Key, bool]]:
        """Put requests in the places of their arrival; returns the lanes that begin.

        Needs the mutex.
        """
        begins = []
        for lane in {ticket.lane for ticket in tickets}:
            if lane not in self._lanes:
                begins.append(lane)
            waiting = [
                *self._lanes.get(lane, ()),
                *(ticket for ticket in tickets if ticket.lane == lane),
            ]
            self._lanes[lane] = deque(sorted(waiting, key=lambda ticket: ticket.number))
        return begins

    # --- Timers ---------------------------------------------------------------------------------

    def _start(self, *timers: Timer | None) -> None:
        """Start what was set under the mutex. Needs to be without it.

        Whoever starts a thread waits until it runs. Others would gather at the mutex meanwhile,
        which keeps no order: who opens a sale would mix up all who come next.
        """
        for timer in timers:
            try:
                if timer is not None:
                    timer.start()
            except RuntimeError:  # no thread is to be had for it: who comes next tries again
                with self._mutex:
                    if self._alarm is not None and self._alarm[1] is timer:
                        self._alarm = None
                    if self._looks is timer:
                        self._looks = None

    def _wake_by(self, deadline: float) -> Timer | None:
        """Have those looked at whose time is up, at the latest then. Needs the mutex.

        Returns what is to be started without it.
        """
        if self._alarm is not None:
            earlier, timer = self._alarm
            if earlier <= deadline:
                return None
            timer.cancel()
        timer = _timer(deadline - time.monotonic(), self._turn_away)
        self._alarm = deadline, timer
        return timer

    def _turn_away(self) -> None:
        """Tell those who have waited too long that the shop is busy."""
        late: list[Ticket[Key, Request, Answer]] = []
        with self._mutex:
            now = time.monotonic()
            for queue in [*self._lanes.values(), *self._parked.values()]:
                for ticket in [ticket for ticket in queue if ticket.deadline <= now]:
                    queue.remove(ticket)  # nobody can take it any more
                    late.append(ticket)
            for row in [row for row, waiting in self._parked.items() if not waiting]:
                del self._parked[row]
            self._alarm = None
            waiting = [*self._lanes.values(), *self._parked.values()]
            deadlines = [ticket.deadline for queue in waiting for ticket in queue]
            alarm = self._wake_by(min(deadlines)) if deadlines else None
        self._start(alarm)
        for ticket in late:
            if ticket.claim():
                ticket.spent.queue += time.monotonic() - ticket.arrived
                ticket.settle(Busy())
                metrics.count_outcomes(self._deed, [Busy()])


def _timer(seconds: float, work: Callable[[], object]) -> Timer:
    timer = Timer(max(seconds, 0), work)
    timer.daemon = True
    return timer


def _copy(error: DomainError) -> DomainError:
    """Each is told by an error of its own: a traceback grows where it is raised."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


_instances: "weakref.WeakSet[GroupCommit[Any, Any, Any]]" = weakref.WeakSet()


def _forget_the_requests_of_the_parent() -> None:
    for instance in _instances:
        instance._start_empty()


os.register_at_fork(after_in_child=_forget_the_requests_of_the_parent)
