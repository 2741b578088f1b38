"""A rush: real threads with real connections, let go in one moment, each request stamped."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Barrier, Thread
from typing import Literal, NamedTuple

from django.db import connection, connections

from benchmarks.experiment.counting import StatementCounter

READY_SECONDS = 60
FINISH_SECONDS = 240
SQLITE_PATIENCE_SECONDS = 60
"""Longer than the shop's: how long a disk takes is not to decide who fails here."""

Kind = Literal["coupons", "orders"]


class Refused(Exception):
    """Nothing is left: the right answer to whoever comes too late."""


class LostRace(Exception):
    """Another was faster, and this strategy gives up."""


class Result(StrEnum):
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request got."""

    arrived_ns: int
    """`time.monotonic_ns()` when it entered: the last thing before the strategy is called."""
    result: Result
    number: int | None = None
    reason: str = ""
    """Why it failed: the error and its first words."""


class Left(NamedTuple):
    """What a rush left in the database."""

    counter: int
    """How many are gone, as the counter says."""
    numbers: list[int]
    """The number on each row that was written."""


@dataclass(slots=True)
class Rush:
    """All answers of a rush, in the order of arrival."""

    answers: list[Answer]
    seconds: float
    """From the moment of release to the last answer."""
    counter: StatementCounter = field(repr=False)


def rush(attempt: Callable[[int], int], *, requests: int, threads: int) -> Rush:
    """Call `attempt` with 0 … requests - 1, from so many threads at once; returns the answers.

    Each thread has a connection, made before the start, and waits at a barrier. Its first request
    is its own; then it takes the next that nobody has taken, as a server's thread does. `attempt`
    returns a number, or raises `Refused`; anything else that it raises is a failure.
    """
    counter = StatementCounter()
    waiting = iter(range(threads, requests))  # `next` on it is one step of the interpreter
    answers: list[Answer] = []
    broken: list[BaseException] = []
    started = ended = 0.0

    def start() -> None:
        nonlocal started
        counter.start()
        started = time.perf_counter()

    def end() -> None:
        nonlocal ended
        ended = time.perf_counter()
        counter.stop()

    ready = Barrier(threads, action=start)
    # Counted while all are still connected: a connection that ends takes its counts along, and the
    # server adds them to its own a moment later.
    done = Barrier(threads, action=end)

    def serve(first: int) -> None:
        try:
            _connect()
            ready.wait(READY_SECONDS)
            for index in _own_then_waiting(first, waiting):
                answers.append(_answer(attempt, index))
            done.wait(FINISH_SECONDS)
        except BaseException as error:
            broken.append(error)
            ready.abort()
            done.abort()
        finally:
            connections.close_all()

    workers = [Thread(target=serve, args=[first], daemon=True) for first in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(FINISH_SECONDS)
        if worker.is_alive():
            raise TimeoutError(f"a thread did not finish within {FINISH_SECONDS} seconds")
    if broken:
        raise broken[0]
    answers.sort(key=lambda answer: answer.arrived_ns)
    return Rush(answers, ended - started, counter)


def _connect() -> None:
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {SQLITE_PATIENCE_SECONDS * 1000}")


def _own_then_waiting(first: int, waiting: Iterator[int]) -> Iterator[int]:
    yield first
    yield from waiting


def _answer(attempt: Callable[[int], int], index: int) -> Answer:
    arrived = time.monotonic_ns()
    try:
        return Answer(arrived, Result.SUCCEEDED, attempt(index))
    except Refused:
        return Answer(arrived, Result.REFUSED)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:80]
        return Answer(arrived, Result.FAILED, reason=reason)
