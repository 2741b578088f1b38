"""Threads that run one at a time, in every order that there is.

The threads are real. Where one touches what others share, it stops at a seam (`Scheduler.pause`),
and there it is decided who goes on. What happens between two seams happens at once, so a run is its
decisions: made again, they repeat it. `explore` makes all of them, depth first; `walk` makes them
as a seed has it.

Runs that differ only in the order of what has nothing to do with each other are one. Each thread
has a fingerprint of its past: of its own steps, and of the pasts of what it touched. Where the
fingerprints of all threads have been seen together before, the run is given up, for all that can
come has been or will be seen. That is sound as long as whatever threads share is told (`touch`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from threading import Lock, Thread
from typing import Any

STUCK_SECONDS = 60
"""So long the explorer waits for a run, before it takes one of its threads for blocked."""


class GivenUp(BaseException):
    """Raised at the seams of a run that is over: its threads end."""


class Thing:
    """What threads share: the fingerprint of its last change, and of who has read it since."""

    def __init__(self) -> None:
        self.past = 0
        self.readers = 0


@dataclass(eq=False, slots=True)
class Actor:
    """A thread of a run."""

    name: str
    work: Callable[[], object]
    past: int
    is_ready: Callable[[], bool] = lambda: True
    due: float | None = None
    """What it waits for is that moment (seconds of the run's clock)."""
    has_waited: bool = False
    """Whether it began by waiting for a moment."""
    may_wait: bool = False
    """Whether it may go on waiting when nobody can go on any more: a pool's thread."""
    is_over: bool = False
    baton: "_Baton | None" = None
    begun: int | None = None
    """Its past when it began, if it was let begin to take its first step."""


class _Baton:
    """A thread that runs what it is given, and in between is kept for the next run."""

    idle: "list[_Baton]" = []

    def __init__(self) -> None:
        self.turn = Lock()
        self.turn.acquire()
        self.work: Callable[[], object] = lambda: None
        Thread(target=self._serve, daemon=True, name="interleaved").start()

    def _serve(self) -> None:
        while True:
            self.turn.acquire()
            self.work()

    @classmethod
    def for_work(cls, work: Callable[[], object]) -> "_Baton":
        """One that runs this once its turn comes."""
        baton = cls.idle.pop() if cls.idle else cls()
        baton.work = work
        return baton


class Scheduler:
    """One run: `decide(options, state)` says which of so many goes on.

    While others can go on, time passes `early` times at most; it always does when nobody can. Who
    could go on is interrupted `switches` times at most, where that is given.
    """

    def __init__(
        self, decide: Callable[[int, int], int], *, early: int = 0, switches: int | None = None
    ) -> None:
        self.now = 0.0
        self.trace: list[str] = []
        self.faults: list[str] = []
        self._decide = decide
        self._early, self._switches = early, switches
        self._clock = Thing()
        self._actors: list[Actor] = []
        self._current: Actor | None = None
        self._is_given_up = False
        self._over = Lock()
        self._over.acquire()

    def wrong(self, what: str) -> None:
        """Keep what must not be; what threads do when they are made to end is nothing."""
        if not self._is_given_up or self._current is None:
            self.faults.append(what)

    def run(self) -> bool:
        """Run all actors; whether to the end, not given up for what was seen before."""
        try:
            first = self._next()
        except GivenUp:
            return False
        if first is not None:
            self._wake(first)
            if not self._over.acquire(timeout=STUCK_SECONDS):
                raise RuntimeError(f"a thread is blocked outside of any seam: {self.trace}")
        is_whole = not self._is_given_up
        if is_whole:
            for actor in self._unfinished():
                if not actor.may_wait:
                    self.wrong(f"{actor.name} waits for ever")
        self._is_given_up = True
        for actor in self._unfinished():
            if actor.baton is not None:
                self._wake(actor)
                self._over.acquire()
        self._current = None
        return is_whole

    def _unfinished(self) -> list[Actor]:
        return [actor for actor in self._actors if not actor.is_over]

    # --- What actors call -----------------------------------------------------------------------

    def start(
        self,
        name: str,
        work: Callable[[], object],
        *,
        due: float | None = None,
        may_wait: bool = False,
    ) -> Actor:
        """Add an actor; with `due`, it waits for that moment first."""
        past = self._current.past if self._current else 0
        actor = Actor(name, work, hash((past, name)), due=due, may_wait=may_wait)
        self._actors.append(actor)
        return actor

    def pause(
        self,
        what: str,
        thing: Thing,
        ready: Callable[[], bool] = lambda: True,
        *,
        reads: bool = False,
    ) -> None:
        """A seam: whoever is ready goes on. Returns when it is this one's turn."""
        me = self._me()
        if self._is_given_up:
            raise GivenUp
        is_first, me.begun = me.begun == me.past, None
        if not (is_first and ready()):
            me.past = hash((me.past, "waits")) if is_first else me.past
            self._let_others(me, ready)
        self.trace.append(f"{me.name}: {what}")
        self.touch(thing, reads=reads)

    def _let_others(self, me: Actor, ready: Callable[[], bool]) -> None:
        me.is_ready = ready
        chosen = self._next_or_end()
        if chosen is not me:
            if chosen is None:
                self._over.release()
            else:
                self._wake(chosen)
            assert me.baton is not None
            me.baton.turn.acquire()
            if self._is_given_up:
                raise GivenUp
        me.is_ready = lambda: True

    def touch(self, thing: Thing, *, reads: bool = False) -> None:
        """Say that the current actor changes a thing, or reads it."""
        me = self._me()
        if reads:
            me.past = hash((me.past, thing.past, "reads"))
            thing.readers += me.past
        else:
            me.past = thing.past = hash((me.past, thing.past, thing.readers))
            thing.readers = 0

    def choose(self, what: str, options: int) -> int:
        """What comes from outside, and may come otherwise: a number below `options`."""
        me = self._me()
        if self._is_given_up:
            raise GivenUp
        try:
            chosen = self._decide(options, self._state())
        except GivenUp:
            self._is_given_up = True
            raise
        me.past = hash((me.past, chosen))
        self.trace.append(f"{me.name}: {what} {chosen}")
        return chosen

    def monotonic(self) -> float:
        """The run's clock (seconds): it stands still, unless an actor is due."""
        if not self._is_given_up:
            self.touch(self._clock, reads=True)
        return self.now

    def call_off(self, actor: Actor) -> None:
        """Let an actor never begin that waits for its moment."""
        if actor.due is not None:
            actor.is_over, actor.due = True, None

    # --- Whose turn it is -----------------------------------------------------------------------

    def _me(self) -> Actor:
        assert self._current is not None
        return self._current

    def _next_or_end(self) -> Actor | None:
        try:
            return self._next()
        except GivenUp:
            self._is_given_up = True
            return None

    def _next(self) -> Actor | None:
        """Who goes on; nobody if nobody can."""
        me = self._current
        able = [
            actor
            for actor in self._actors
            if not actor.is_over and actor.due is None and actor.is_ready()
        ]
        if me in able:
            able.remove(me)
            able.insert(0, me)
            if self._switches == 0:
                del able[1:]
        waiting = [actor for actor in self._actors if actor.due is not None]
        can_wait = bool(able)
        if waiting and (not able or (self._early and self._switches != 0)):
            earliest = min(actor.due for actor in waiting if actor.due is not None)
            able += [actor for actor in waiting if actor.due == earliest]
        if not able:
            self._decide(1, self._state())
            return None
        chosen = able[self._decide(len(able), self._state())]
        if chosen is not me and me in able and self._switches is not None:
            self._switches -= 1
        if chosen.due is not None:
            self._early -= can_wait
            self._let_time_pass(chosen)
        return chosen

    def _let_time_pass(self, actor: Actor) -> None:
        assert actor.due is not None
        self.now, actor.due, actor.has_waited = max(self.now, actor.due), None, True
        self.trace.append(f"it is {self.now:.2f}")
        actor.past = self._clock.past = hash((actor.past, self._clock.past, self._clock.readers))
        self._clock.readers = 0

    def _state(self) -> int:
        pasts = sorted(actor.past for actor in self._actors)
        if self._switches is None:
            return hash((*pasts, self._early))
        # Who goes on by itself is no switch, so it matters who does.
        me = self._current.past if self._current else 0
        return hash((*pasts, self._early, self._switches, me))

    def _wake(self, actor: Actor) -> None:
        self._current = actor
        if actor.baton is None:
            actor.begun = None if actor.has_waited else actor.past
            actor.baton = _Baton.for_work(lambda: self._live(actor))
        actor.baton.turn.release()

    def _live(self, actor: Actor) -> None:
        try:
            actor.work()
        except GivenUp:
            pass
        except SystemExit:
            self.trace.append(f"{actor.name}: is ended")
        except BaseException as error:  # whatever it is, it is told
            if not self._is_given_up:
                self.wrong(f"{actor.name} fails with {error!r}")
        actor.is_over = True
        assert actor.baton is not None
        _Baton.idle.append(actor.baton)
        chosen = None if self._is_given_up else self._next_or_end()
        if chosen is None:
            self._over.release()
        else:
            self._wake(chosen)


@dataclass
class Found:
    """What an exploration came to."""

    runs: int = 0
    """To their ends."""
    given_up: int = 0
    """Where they came to what was seen before."""
    faults: list[str] = field(default_factory=list)
    """Of the first run in which something was wrong; it is the last run then."""
    trace: list[str] = field(default_factory=list)
    decisions: list[int] = field(default_factory=list)

    def told(self) -> str:
        lines = [*self.faults, f"decisions: {self.decisions}", *self.trace]
        return "\n".join(lines)


Stage = Callable[[Scheduler], Callable[[], object]]
"""Sets the actors of a run up; what it returns looks at what came of them (`Scheduler.wrong`)."""


def explore(
    stage: Stage, *, early: int = 0, switches: int | None = None, sought: str = ""
) -> Found:
    """Every run, until one has a fault, or that which is sought by a part of its text."""
    found = Found()
    path: list[list[int]] = []  # [chosen, of so many]
    seen: set[int] = set()
    while True:
        at = iter(list(path))

        def decide(options: int, state: int, at: Iterator[list[int]] = at) -> int:
            if (known := next(at, None)) is not None:
                if known[1] != options:
                    raise RuntimeError("the same decisions led elsewhere")
                return known[0]
            if state in seen:
                raise GivenUp
            seen.add(state)
            path.append([0, options])
            return 0

        scheduler = Scheduler(decide, early=early, switches=switches)
        if _one(stage, scheduler):
            found.runs += 1
        else:
            found.given_up += 1
        if any(sought in fault for fault in scheduler.faults):
            found.faults, found.trace = scheduler.faults, scheduler.trace
            found.decisions = [chosen for chosen, _ in path]
            return found
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return found
        path[-1][0] += 1


def walk(stage: Stage, seed: int, *, early: int = 0) -> Found:
    """One run, its decisions made by a seed."""
    random = Random(seed)
    return _follow(stage, random.randrange, early)


def repeat(stage: Stage, decisions: Sequence[int], *, early: int = 0) -> Found:
    """One run, by decisions that were made before; after them, the first that can goes on."""
    rest = iter(decisions)
    return _follow(stage, lambda options: next(rest, 0), early)


def _follow(stage: Stage, choose: Callable[[int], int], early: int) -> Found:
    decisions: list[int] = []

    def decide(options: int, state: int) -> int:
        decisions.append(choose(options))
        return decisions[-1]

    scheduler = Scheduler(decide, early=early)
    _one(stage, scheduler)
    return Found(1, 0, scheduler.faults, scheduler.trace, decisions)


def _one(stage: Stage, scheduler: Scheduler) -> bool:
    look = stage(scheduler)
    is_whole = scheduler.run()
    if is_whole:
        look()
    return is_whole


# --- What threads share ---------------------------------------------------------------------------


class Mutex(Thing):
    """In the place of `threading.Lock`."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._owner: Actor | None = None

    @property
    def is_ours(self) -> bool:
        return self._owner is not None and self._owner is self._scheduler._current

    def __enter__(self) -> None:
        self._scheduler.pause("takes the mutex", self, lambda: self._owner is None)
        self._owner = self._scheduler._current

    def __exit__(self, *args: Any) -> None:
        self._owner = None


class Executor(Thing):
    """In the place of `ThreadPoolExecutor`, with `refuses(what)` for a system without threads."""

    def __init__(
        self, scheduler: Scheduler, threads: int, name: str, refuses: Callable[[str], bool]
    ) -> None:
        super().__init__()
        self._scheduler, self._most, self._name, self._refuses = scheduler, threads, name, refuses
        self._waiting: list[Callable[[], object]] = []
        self._idle = self._threads = 0

    def submit(self, work: Callable[[], object]) -> None:
        self._scheduler.pause("gives work to the pool", self)
        if self._refuses("shut down"):
            raise RuntimeError("cannot schedule new futures after shutdown")
        self._waiting.append(work)
        if self._idle:
            self._idle -= 1
        elif self._threads < self._most:
            # As the library does: what was given is there already when no thread is to be had.
            if self._refuses("no thread"):
                self._scheduler.pause("gets no thread", self)
                raise RuntimeError("can't start new thread")
            self._threads += 1
            self._scheduler.start(f"{self._name} {self._threads}", self._serve, may_wait=True)

    def _serve(self) -> None:
        while True:
            self._scheduler.pause("takes work", self, lambda: bool(self._waiting))
            work = self._waiting.pop(0)
            with suppress(SystemExit):  # as the library does: the thread goes on
                work()
            self._scheduler.touch(self)
            self._idle += 1
