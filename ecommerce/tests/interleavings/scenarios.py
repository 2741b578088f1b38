"""The queue of a group commit, with its lock, its pool, its timers and its clock in our hands.

What runs is the mechanism itself. Of the modules around it, what waits, is shared or tells the time
is replaced by what stops at the scheduler's seams; a run writes into `Books` in the place of a
database. `Fault` puts another line into the mechanism: what a test must find.
"""

import inspect
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from django.test import override_settings

from common.db import batches, committers, group_commit
from common.db.locks import Row, Waiting
from common.errors import Busy, OutcomeUnknown
from ecommerce.tests.interleavings.scheduler import Actor, Executor, Mutex, Scheduler, Stage, Thing

WAIT_SECONDS = 5.0
"""From a request's arrival to its deadline, unless it is said."""


class Line(NamedTuple):
    """Lines of the mechanism as they are, and as they would be with a fault."""

    was: str
    becomes: str


Fault = Sequence[Line]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Requests are numbers; each is sent by a thread of its own, unless one sends several."""

    threads: Sequence[Sequence[int]] = ((1,), (2,), (3,))
    lanes: dict[int, str] | None = None
    """The key of each request; of all the same if not said."""
    rows: dict[int, int] | None = None
    """The row that a request needs. Somebody else holds row 1 and lets it go, at any moment."""
    is_hot: bool = False
    waits: dict[int, float] | None = None
    """Seconds to the deadline, where they are not `WAIT_SECONDS`."""
    bad: int | None = None
    """With this request, a run fails."""
    called_off: int | None = None
    """A request whose future somebody cancels, at any moment."""
    most: int = 64
    early: int = 0
    """How often time may pass while there is something to do: then a deadline may, too."""
    deaths: int = 0
    """How many runs may be ended at any of their seams."""
    refusals: int = 0
    """How often the system may refuse a thread."""
    switches: int | None = None
    """How often one who could go on is interrupted, unless all is explored: any number of times."""


class WatchedFuture(Future[Any]):
    """A future whose changes are seams, and which tells who is answered too early, or twice."""

    def __init__(self, play: "Play") -> None:
        super().__init__()
        self._play, self._thing = play, Thing()
        self.answered_at = 0.0

    def _step(self, what: str) -> None:
        self._play.scheduler.pause(what, self._thing)

    def set_running_or_notify_cancel(self) -> bool:
        play = self._play
        if play.queue._mutex.is_ours and play.scenario.called_off is None:
            play.scheduler.touch(self._thing)  # nobody could come between
        else:
            self._step("claims")
        return super().set_running_or_notify_cancel()

    def set_result(self, result: Any) -> None:
        self._step(f"answers {result}")
        if result not in self._play.books:
            self._play.scheduler.wrong(f"{result} is answered before its commit")
        self._once(partial(super().set_result, result))

    def set_exception(self, exception: BaseException | None) -> None:
        self._step(f"answers {type(exception).__name__}")
        self._once(partial(super().set_exception, exception))

    def _once(self, settle: Callable[[], None]) -> None:
        self.answered_at = self._play.scheduler.monotonic()
        try:
            settle()
        except InvalidStateError:
            self._play.scheduler.wrong("somebody is answered twice")

    def cancel(self) -> bool:
        self._step("calls off")
        return super().cancel()


class WatchedLanes(dict[Any, Any]):
    """Looking at the lanes without their mutex is a seam."""

    def __init__(self, scheduler: Scheduler, mutex: Mutex) -> None:
        super().__init__()
        self._scheduler, self._mutex = scheduler, mutex

    def __getitem__(self, lane: Any) -> Any:
        if not self._mutex.is_ours:
            self._scheduler.pause("looks at the lanes", self._mutex, reads=True)
        return super().__getitem__(lane)


class WatchedTimer:
    """In the place of `threading.Timer`: due at any moment from its time on."""

    def __init__(self, play: "Play", seconds: float, work: Callable[[], object]) -> None:
        self._play, self._seconds, self._work = play, seconds, work
        self._thing = Thing()
        self._is_cancelled = False
        self._actor: Actor | None = None

    def start(self) -> None:
        scheduler = self._play.scheduler
        if self._play.queue._mutex.is_ours:
            scheduler.wrong("others gather at the mutex while a thread is started")
        scheduler.pause("starts a timer", self._thing)
        if self._play.refuses("no timer"):
            raise RuntimeError("can't start new thread")
        if self._is_cancelled:  # it looks once, and ends
            return
        self._actor = scheduler.start(
            "timer", self._ring, due=scheduler.monotonic() + self._seconds
        )

    def cancel(self) -> None:
        self._play.scheduler.touch(self._thing)
        self._is_cancelled = True
        if self._actor is not None:
            self._play.scheduler.call_off(self._actor)

    def _ring(self) -> None:
        self._play.scheduler.pause("rings", self._thing, reads=True)
        if not self._is_cancelled:
            self._work()


class Play:
    """One run of a scenario: the queue, those who send, and what must hold."""

    def __init__(self, scenario: Scenario, scheduler: Scheduler) -> None:
        self.scenario, self.scheduler = scenario, scheduler
        self.books: list[int] = []
        """What was committed, in this order."""
        self.numbers: dict[Any, list[int]] = defaultdict(list)
        """By what keeps their order (a lane and a row): the places of arrival of what was done."""
        self.futures: dict[int, WatchedFuture] = {}
        self.is_held = scenario.rows is not None
        self.lock: Any = mock.Mock(is_hot=scenario.is_hot)
        self._row, self._luck, self._caller = Thing(), Thing(), Thing()
        self._things: dict[Any, Thing] = defaultdict(Thing)
        self._served: set[Any] = set()
        self._deaths, self._refusals = scenario.deaths, scenario.refusals

    def stage(self, module: ModuleType) -> None:
        committers._mutex = Mutex(self.scheduler)  # type: ignore[assignment]
        committers._pools = {}
        self.queue = module.GroupCommit(self.serve, self.rows_of)
        self.queue._lanes = WatchedLanes(self.scheduler, self.queue._mutex)
        for numbers in self.scenario.threads:
            self.scheduler.start(f"sends {numbers}", partial(self._send, numbers))
        if self.is_held:
            self.scheduler.start("holder", self._let_go)
        if self.scenario.called_off is not None:
            self.scheduler.start("calls off", self._call_off)

    # --- Those who send, hold and call off ------------------------------------------------------

    def _send(self, requests: Sequence[int]) -> None:
        for request in requests:
            self.futures[request] = self.queue.enqueue(self.lane_of(request), request)

    def lane_of(self, request: int) -> str:
        return (self.scenario.lanes or {}).get(request, "lane")

    def wait_of(self, request: int) -> float:
        return (self.scenario.waits or {}).get(request, WAIT_SECONDS)

    def rows_of(self, key: Any, request: int) -> list[Row]:
        row = (self.scenario.rows or {}).get(request)
        return [] if row is None else [Row(self.lock, row)]

    def _let_go(self) -> None:
        self.scheduler.pause("lets the row go", self._row)
        self.is_held = False

    def free(self, rows: Collection[Row]) -> list[Row]:
        self.scheduler.pause("looks at the rows", self._row, reads=True)
        return [row for row in rows if row.value != 1 or not self.is_held]

    def _call_off(self) -> None:
        called_off = self.scenario.called_off
        assert called_off is not None
        self.scheduler.pause("finds it", self._caller, lambda: called_off in self.futures)
        self.futures[called_off].cancel()

    def refuses(self, what: str) -> bool:
        if not self.scenario.refusals:
            return False
        self.scheduler.touch(self._luck)
        if not self._refusals or not self.scheduler.choose(what, 2):
            return False
        self._refusals -= 1
        return True

    # --- A run ----------------------------------------------------------------------------------

    def serve(self, key: Any, batch: Any) -> list[int]:
        lane = key, batch.waiting
        self.scheduler.touch(self._things[lane])
        if lane in self._served:
            self.scheduler.wrong(f"two serve the lane {lane}")
        self._served.add(lane)
        try:
            return self._serve(key, batch)
        finally:
            self._served.discard(lane)
            self.scheduler.touch(self._things[lane])

    def _serve(self, key: Any, batch: Any) -> list[int]:
        self._perhaps_die()
        if batch.waiting is Waiting.BRIEF:
            if self.scheduler.choose("waits in vain", 2):
                batch.waiting = Waiting.NONE
            else:
                self.scheduler.pause("waits for the row", self._row, lambda: not self.is_held)
        batch.close()
        held = self._held(batch)
        batch.leave_out(held)
        requests = batch.close()
        if self.scenario.bad in requests:
            raise ValueError(self.scenario.bad)
        self._perhaps_die()
        if requests:
            self.scheduler.pause(f"commits {requests}", self._things[key])
            self.books += requests
            for ticket in batch.tickets():
                row = (self.scenario.rows or {}).get(ticket.request)
                self.numbers[key, row].append(ticket.number)
        self._perhaps_die()
        return list(requests)

    def _held(self, batch: Any) -> dict[int, Row]:
        needed = {place: self.rows_of("", request) for place, request in enumerate(batch.close())}
        rows = {place: rows[0] for place, rows in needed.items() if rows and rows[0].value == 1}
        if not rows:
            return {}
        self.scheduler.pause("tries the row", self._row, reads=True)
        return rows if self.is_held else {}

    def _perhaps_die(self) -> None:
        if not self.scenario.deaths:
            return
        self.scheduler.touch(self._luck)
        if self._deaths and self.scheduler.choose("dies", 2):
            self._deaths -= 1
            raise SystemExit

    # --- What must hold -------------------------------------------------------------------------

    def look(self) -> None:
        for request in [number for numbers in self.scenario.threads for number in numbers]:
            if request not in self.futures:
                self.scheduler.wrong(f"{request} was not let in")
            elif not self.futures[request].done():
                self.scheduler.wrong(f"{request} is never answered")
            else:
                self._judge(request, self.futures[request])
        for what, places in self.numbers.items():
            if places != sorted(places):
                self.scheduler.wrong(f"{what} is not served in the order of arrival: {places}")
        kept = len(self.queue._lanes), len(self.queue._parked), self.queue._looks is not None
        if kept != (0, 0, False):
            self.scheduler.wrong(f"of lanes, rows and looks is left: {kept}")

    def _judge(self, request: int, future: WatchedFuture) -> None:
        scenario, times = self.scenario, self.books.count(request)
        try:
            error = future.exception(timeout=0)
        except CancelledError:
            if times or request != scenario.called_off:
                self.scheduler.wrong(f"{request} was called off, and {times} times served")
            return
        if error is None:
            is_right = times == 1 and future.result(timeout=0) == request
        elif isinstance(error, Busy):
            is_late = bool(scenario.early) and future.answered_at >= self.wait_of(request)
            is_right = times == 0 and (is_late or self._refusals < scenario.refusals)
        elif isinstance(error, OutcomeUnknown):
            is_right = times <= 1 and self._deaths < scenario.deaths
        else:
            is_right = times == 0 and request == scenario.bad
        if not is_right:
            outcome = "its answer" if error is None else type(error).__name__
            self.scheduler.wrong(f"{request} has {outcome}, and was {times} times done")


@contextmanager
def on_stage(scenario: Scenario, fault: Fault = ()) -> Iterator[Stage]:
    """What sets a scenario up, run after run."""
    module = mechanism(fault)
    current: list[Play] = []

    def monotonic() -> float:
        return current[0].scheduler.monotonic()

    def free(rows: Collection[Row]) -> list[Row]:
        return current[0].free(rows)

    now = SimpleNamespace(monotonic=monotonic)

    def stage(scheduler: Scheduler) -> Callable[[], object]:
        play = Play(scenario, scheduler)
        current[:] = [play]
        play.stage(module)
        return play.look

    def executor(threads: int, thread_name_prefix: str) -> Executor:
        play = current[0]
        return Executor(play.scheduler, threads, thread_name_prefix, play.refuses)

    class Ticket(batches.Ticket[batches.Key, batches.Request, batches.Answer]):
        """Knows its deadline by its request."""

        __slots__ = ()

        def __init__(self, key: Any, request: Any) -> None:
            super().__init__(key, request)
            self.deadline = self.arrived + current[0].wait_of(request)

    def nothing(*args: object, **kwargs: object) -> None:
        pass

    with ExitStack() as patches:
        patches.enter_context(override_settings(GROUP_COMMIT_MAX_BATCH=scenario.most, COMMITTERS=4))
        put = partial(_put, patches)
        put(committers, _mutex=None, _pools=None, ThreadPoolExecutor=executor)
        put(batches, Future=lambda: WatchedFuture(current[0]), time=now)
        put(
            module,
            Lock=lambda: Mutex(current[0].scheduler),
            Timer=lambda seconds, work: WatchedTimer(current[0], seconds, work),
            Ticket=Ticket,
            time=now,
            free_rows=free,
            logger=SimpleNamespace(exception=nothing, warning=nothing),
            metrics=SimpleNamespace(expect=nothing, count_batch=nothing, count_outcomes=nothing),
        )
        yield stage


def _put(patches: ExitStack, module: ModuleType, **values: Any) -> None:
    patches.enter_context(mock.patch.multiple(module, **values))


def mechanism(fault: Fault) -> ModuleType:
    """The module of the mechanism: itself, or another with the fault in it."""
    if not fault:
        return group_commit
    source, _, _ = inspect.getsource(group_commit).partition("os.register_at_fork")
    for line in fault:
        if source.count(line.was) != 1:
            raise ValueError(f"no such lines any more, or several: {line.was}")
        source = source.replace(line.was, line.becomes)
    module = ModuleType("group_commit_with_a_fault")
    exec(compile(source, module.__name__, "exec"), module.__dict__)  # noqa: S102
    return module
