"""The relay: takes events into the log, brings them to endpoints, writes down what came of it.

Many requests are under way at a time, in one event loop; what is asked of the database is asked in
one thread beside it, in few transactions for many events. Any number of relays may run: each
endpoint is one's at a time, for as long as such a transaction takes.
"""

import asyncio
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from common.errors import DomainError
from events.models import Event
from events.services import (
    Answer,
    Lane,
    Sent,
    endpoints_with_work,
    exchange,
    remove_old_events,
    take_in,
)
from events.services.log import MOVED_AT_ONCE
from events.sinks import Sink

REQUESTS_MAX = 32
"""How many requests to one endpoint are under way at a time."""
LANES_MAX = 256
"""How many lanes of one endpoint are in hand at a time: so many share a transaction.

Even if each answer takes as long as it may, their turn comes before the lease is over.
"""
LOOK_SECONDS = 0.1
"""How long after a look at the database that found nothing the next one is taken."""
BREATH_SECONDS = 0.02
"""The same after one that found something: what comes meanwhile shares the next transaction."""
TROUBLE_SECONDS = 1.0
REMOVE_SECONDS = 2.0
"""How often a batch of events that are old enough is removed."""
LANE_SECONDS = 5.0
"""After so long in one lane, what is done of it is written down first."""

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Look:
    """A look at the database, by a thread of its own."""

    sent: dict[int, list[Sent]]
    """What is to be written down, by endpoint; what is written down is taken out."""
    under_way: Counter[int]
    is_last: bool
    """Whether to take nothing more."""
    removes: bool = False
    """Whether to remove what is old enough, too."""
    lanes: list[Lane] = field(default_factory=list)
    """What was taken."""
    is_more: bool = False
    is_in_trouble: bool = False

    def take(self) -> None:
        close_old_connections()  # as a request does when it begins
        try:
            self._take()
        except (DomainError, DatabaseError) as error:
            logger.warning("relay_waits", error=repr(error))
            self.is_in_trouble = True

    def _take(self) -> None:
        endpoint_ids = list(self.sent)
        if not self.is_last:
            self.is_more = take_in() == MOVED_AT_ONCE
            endpoint_ids += set(endpoints_with_work(timezone.now())) - self.sent.keys()
        for endpoint_id in endpoint_ids:
            most = 0 if self.is_last else LANES_MAX - self.under_way[endpoint_id]
            sent = self.sent.get(endpoint_id, [])
            if not sent and most <= 0:
                continue
            try:
                lanes = exchange(endpoint_id=endpoint_id, sent=sent, most=most)
            except (DomainError, OperationalError, InterfaceError):
                raise  # the database is in trouble: so would the next be
            except Exception:  # of this endpoint, which is to hold up no other
                logger.exception("endpoint_failed", endpoint=endpoint_id)
                lanes = []  # what was sent is sent again when its lease is over
            if lanes is None:  # another relay has it at this moment
                continue
            self.sent.pop(endpoint_id, None)
            self.lanes += lanes
        if self.removes:
            remove_old_events(before=timezone.now() - timedelta(days=settings.EVENTS_DAYS))


class Relay:
    """Delivers until it is told to stop, and then ends when what is under way is written down."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._sent: dict[int, list[Sent]] = defaultdict(list)
        """What is to be written down, by endpoint."""
        self._under_way: Counter[int] = Counter()
        """Lanes, by endpoint."""
        self._gates: dict[int, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(REQUESTS_MAX)
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._removes_at = 0.0
        self._is_stopping = False
        self._news = asyncio.Event()
        self._database = ThreadPoolExecutor(1, "relay-database")

    async def run(self) -> None:
        """Deliver until `stop` is called."""
        async with self._sink:
            while not self._is_stopping:
                self._news.clear()
                pause = await self._look()
                await self._rest(pause)
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._look()
        self._database.shutdown()

    def stop(self) -> None:
        """Take nothing more; may be called by a signal's handler in the loop."""
        self._is_stopping = True
        self._news.set()

    async def _rest(self, seconds: float) -> None:
        if seconds <= BREATH_SECONDS:
            await asyncio.sleep(seconds)
            return
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.sleep(BREATH_SECONDS)

    async def _look(self) -> float:
        """Write down, take, send; returns after how many seconds to look again."""
        look = _Look(
            self._sent,
            Counter(self._under_way),
            is_last=self._is_stopping,
            removes=time.monotonic() >= self._removes_at,
        )
        if look.removes:
            self._removes_at = time.monotonic() + REMOVE_SECONDS
        self._sent = defaultdict(list)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._database, look.take)
        for endpoint_id, sent in look.sent.items():  # what could not be written down
            self._sent[endpoint_id] += sent
        for lane in look.lanes:
            self._under_way[lane.endpoint.pk] += 1
            task = asyncio.create_task(self._send(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if look.is_in_trouble:
            return TROUBLE_SECONDS
        return BREATH_SECONDS if look.lanes or look.is_more else LOOK_SECONDS

    async def _send(self, lane: Lane) -> None:
        sent = Sent(lane)
        try:
            async with self._gates[lane.endpoint.pk]:
                await self._send_in_order(lane, sent)
        finally:
            self._under_way[lane.endpoint.pk] -= 1
            self._sent[lane.endpoint.pk].append(sent)
            self._news.set()

    async def _send_in_order(self, lane: Lane, sent: Sent) -> None:
        until = time.monotonic() + LANE_SECONDS
        for delivery in lane.deliveries:
            if self._is_stopping or time.monotonic() > until:
                return
            answer = await self._answer(lane, delivery.event)
            sent.answers.append(answer)
            if not answer.is_good:
                return

    async def _answer(self, lane: Lane, event: Event) -> Answer:
        try:
            return await self._sink.send(lane.endpoint, event)
        except Exception as error:
            logger.exception("sink_failed", endpoint=lane.endpoint.pk, number=event.number)
            return Answer(is_good=False, trouble=repr(error))
