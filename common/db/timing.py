"""Where the time of a request or a batch goes that its thread spends on the database."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, local
from typing import Any
from weakref import WeakSet

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from common import metrics

clock = time.perf_counter


@dataclass(slots=True)
class Spent:
    """Seconds that were spent on one request or one batch."""

    queue: float = 0.0
    """Waiting for a thread, or to be taken into a batch."""
    lock: float = 0.0
    """Waiting for rows, by the statements that lock them."""
    database: float = 0.0
    """On all other statements, and on commits."""
    locked_at: float = 0.0
    """When the open transaction got its first lock, by `clock`; 0: it has none."""


class _Thread(local):
    def __init__(self) -> None:
        self.spent = Spent()


_thread = _Thread()


@contextmanager
def spending() -> Iterator[Spent]:
    """Count anew, in this thread: what it does in here is for somebody else."""
    before = _thread.spent
    spent = _thread.spent = Spent()
    try:
        yield spent
    finally:
        _thread.spent = before


def spent() -> Spent:
    """What this thread spends on whom it works for now."""
    return _thread.spent


@contextmanager
def waiting_for_locks() -> Iterator[None]:
    """What is done in here is to wait for locks; whoever comes out of it has them."""
    spent = _thread.spent
    began, database = clock(), spent.database
    yield
    spent.database = database
    spent.lock += clock() - began
    spent.locked_at = spent.locked_at or clock()


@contextmanager
def transaction() -> Iterator[Callable[[], None]]:
    """Time a transaction; what it yields is called when the transaction begins to commit."""
    spent = _thread.spent
    spent.locked_at = commits_at = 0.0
    lock = spent.lock

    def commits() -> None:
        nonlocal commits_at
        commits_at = clock()

    try:
        yield commits
        now = clock()
        spent.database += now - commits_at
        metrics.COMMIT.observe(now - commits_at)
    finally:
        if spent.locked_at:
            metrics.LOCK_HELD.observe(clock() - spent.locked_at)
            metrics.LOCK_WAIT.observe(spent.lock - lock)


# --- Statements and connections -------------------------------------------------------------------

_mutex = Lock()
_connections: "WeakSet[BaseDatabaseWrapper]" = WeakSet()


def _time_statement(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    began = clock()
    try:
        return execute(sql, params, many, context)
    finally:
        _thread.spent.database += clock() - began


def _look_after(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _time_statement not in connection.execute_wrappers:
        # The first: a connection may be made within somebody's wrapper, who takes away the last.
        connection.execute_wrappers.insert(0, _time_statement)
    with _mutex:
        _connections.add(connection)


def _sample() -> None:
    with _mutex:
        held = sum(known.connection is not None for known in _connections)
    metrics.CONNECTIONS.set(held)


connection_created.connect(_look_after, dispatch_uid="common.db.timing")
metrics.samplers.append(_sample)
