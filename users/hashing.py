"""The gate that every password hash of this process passes, a few at a time.

A hash costs a quarter second of CPU by design. It releases the GIL meanwhile, so as many as come
would take every core from those who buy; and whoever can't be served soon is better told.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection

from common import metrics
from common.errors import Busy

H = TypeVar("H")
T = TypeVar("T")

NICENESS = 10
"""By how much the threads that hash stand back when others want their core (Linux)."""
NICENESS_MAX = 19

FINISHERS = 2
"""How many threads of a process do what comes before and after a hash, each with a connection."""

_inside = threading.local()
_under_way: "set[_Job[Any]]" = set()


class _Job(Generic[T]):
    """A hash that somebody waits for. Either a thread takes it up, or it is called off: once."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self.future: Future[T] = Future()
        self.deadline = time.monotonic() + settings.HASH_WAIT_SECONDS
        self._compute = compute
        self._claim = threading.Lock()

    def run(self) -> None:
        if not self._claim.acquire(blocking=False):
            return
        try:
            self.future.set_result(self._compute())
        except BaseException as error:
            self.future.set_exception(error)

    def call_off_in_time(self) -> None:
        """Wait until its time is over; if no thread has taken it up by then, none will."""
        while not self._claim.locked() and (left := self.deadline - time.monotonic()) > 0:
            time.sleep(left)
        if self._claim.acquire(blocking=False):
            self.future.set_exception(Busy())


def hash_later(compute: Callable[[], T]) -> "Future[T]":
    """What `compute` returns or raises, once it was let through.

    The future fails with `Busy` when that could not be within `HASH_WAIT_SECONDS`, however long
    those before it take.
    """
    job = _Job(compute)
    _under_way.add(job)
    job.future.add_done_callback(lambda _: _under_way.discard(job))
    if job.deadline > time.monotonic():
        _executor().submit(job.run)
    _clock().put(job)
    return job.future


def hash_now(compute: Callable[[], T]) -> T:
    """Wait until `compute` was let through, and return or raise what it does.

    Raises:
        Busy: it could not be let through within `HASH_WAIT_SECONDS`.
    """
    if getattr(_inside, "gate", False):
        return compute()
    return hash_later(compute).result()


@dataclass(frozen=True, slots=True)
class HashedWork(Generic[H, T]):
    """Something that needs passwords hashed on the way, outside of any transaction."""

    compute: Callable[[], H]
    """Hashes; asks no database, and passes the gate."""
    finish: "Callable[[H], Future[T]]"
    """Does the rest with what came of it, or sees to it that it is done."""
    look: Callable[[], None] = lambda: None
    """Asks the database what there is to hash; who can't be served in time costs no such thing."""

    def run(self) -> T:
        """Do it now, and return or raise what it does; may raise Busy."""
        self.look()
        return self.finish(hash_now(self.compute)).result()

    def later(self) -> "Future[T]":
        """Do it while nobody waits in a thread: what it returns or raises, once it is done.

        What asks the database is done by threads that have a connection.
        """
        done: Future[T] = Future()
        run = copy_context().run  # the id that log lines have

        def look_and_compute() -> H:
            _finishers().submit(run, _look, self.look).result()
            return self.compute()

        def go_on(computed: "Future[H]") -> None:
            _finishers().submit(run, _settle, done, lambda: self.finish(computed.result()))

        hash_later(look_and_compute).add_done_callback(go_on)
        return done


def _look(look: Callable[[], None]) -> None:
    connection.close_if_unusable_or_obsolete()
    look()


def _settle(done: "Future[T]", work: "Callable[[], Future[T]]") -> None:
    def pass_on(future: "Future[T]") -> None:
        if (error := future.exception()) is None:
            done.set_result(future.result())
        else:
            done.set_exception(error)

    try:
        connection.close_if_unusable_or_obsolete()
        work().add_done_callback(pass_on)
    except BaseException as error:
        done.set_exception(error)


@lru_cache(maxsize=1)
def _finishers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(FINISHERS, thread_name_prefix="hashed")


@lru_cache(maxsize=1)
def _clock() -> "SimpleQueue[_Job[Any]]":
    """Where jobs are watched. All may wait equally long: the first to come is the first due."""
    watched: SimpleQueue[_Job[Any]] = SimpleQueue()

    def watch() -> None:
        while True:
            watched.get().call_off_in_time()

    threading.Thread(target=watch, name="hash-clock", daemon=True).start()
    return watched


@lru_cache(maxsize=1)
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        settings.HASHES_AT_ONCE, thread_name_prefix="hash", initializer=_stand_back
    )


def _stand_back() -> None:
    _inside.gate = True
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(niceness, NICENESS_MAX))


metrics.samplers.append(lambda: metrics.HASHES_WAITING.set(len(_under_way)))
