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
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection

from ecommerce.common.errors import Busy

H = TypeVar("H")
T = TypeVar("T")

NICENESS = 10
"""By how much the threads that hash stand back when others want their core (Linux)."""
NICENESS_MAX = 19

FINISHERS = 2
"""How many threads of a process do what comes after a hash, each with a connection of its own."""

_inside = threading.local()


def hash_later(compute: Callable[[], T]) -> "Future[T]":
    """What `compute` returns or raises, once it was let through.

    The future fails with `Busy` when that could not be within `HASH_WAIT_SECONDS`.
    """
    asked_at = time.monotonic()

    def run() -> T:
        if time.monotonic() - asked_at > settings.HASH_WAIT_SECONDS:
            raise Busy
        return compute()

    return _executor().submit(run)


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
    finish: Callable[[H], T]
    """Does the rest with what came of it."""

    def run(self) -> T:
        """Do it now, and return or raise what it does; may raise Busy."""
        return self.finish(hash_now(self.compute))

    def later(self) -> "Future[T]":
        """Do it while nobody waits in a thread: what it returns or raises, once it is done.

        The rest asks the database, so it is done by a thread that has a connection.
        """
        done: Future[T] = Future()

        def go_on(computed: "Future[H]") -> None:
            _finishers().submit(_settle, done, lambda: self.finish(computed.result()))

        hash_later(self.compute).add_done_callback(go_on)
        return done


def _settle(done: "Future[T]", work: Callable[[], T]) -> None:
    try:
        connection.close_if_unusable_or_obsolete()
        done.set_result(work())
    except BaseException as error:
        done.set_exception(error)


@lru_cache(maxsize=1)
def _finishers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(FINISHERS, thread_name_prefix="hashed")


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
