"""Reads that may be a moment old are a secondary's to answer, while it is known to be near.

How near it is, a row tells that each process counts up on the primary, twice a second while anybody
reads so. It keeps when it began to; a server that shows that number has all that was committed
before. No clocks of different machines are compared, and no server wants a privilege for it.

What is asked and then read is one and the same connection, so there may be several servers behind
one address. Within such a read the connection of the default database *is* the secondary's: what
is compiled once, limited in time or noted as a source goes there, too. It writes nothing and holds
no lock: a secondary refuses both.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from threading import Event, Lock, Thread
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections

from common.db.database_errors import is_unavailable
from common.db.transactions import run_transaction
from common.errors import DomainError
from common.models import Beat

T = TypeVar("T")

ALIAS = "replica"
BEAT_SECONDS = 0.5
ASK_SECONDS = 1.0
"""A server is asked once in so long by each process, and one that failed is left alone for it."""
WANTED_SECONDS = 10.0
"""So long after the last such read the process goes on counting."""

logger = structlog.get_logger(__name__)


def clock() -> float:
    """This moment (seconds), by the clock that does not jump."""
    return time.monotonic()


class Heart:
    """Counts on the primary, and keeps when it began to write each number."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._beats: deque[tuple[int, float]] = deque(maxlen=64)
        self._wanted_until = -inf
        self._is_beating = False
        self._wake = Event()

    def want(self) -> None:
        """Beat for a while, in a thread of its own."""
        self._wanted_until = clock() + WANTED_SECONDS
        if self._is_beating:
            return
        with self._lock:
            if not self._is_beating:
                self._is_beating = True
                Thread(target=self._go_on, daemon=True, name="heart").start()

    def beat(self) -> int:
        """Count up by one.

        Raises:
            DomainError: the primary doesn't let it, at the moment.
        """
        began = clock()
        number = run_transaction(_count)
        self._beats.append((number, began))
        return number

    def moment_of(self, number: int) -> float:
        """The latest moment of which a server that shows this number has all (by `clock`)."""
        return max((began for beat, began in list(self._beats) if beat <= number), default=-inf)

    def _go_on(self) -> None:
        try:
            while clock() < self._wanted_until:
                with suppress(DomainError, DatabaseError):  # then no server is known to be near
                    self.beat()
                self._wake.wait(BEAT_SECONDS)
        finally:
            connection.close()
            self._is_beating = False


def _count() -> int:
    beat, _ = Beat.objects.select_for_update().get_or_create(pk=Beat.THE_ONE)
    beat.number += 1
    beat.save(update_fields=["number"])
    return beat.number


class _Known:
    """What a server showed last."""

    def __init__(self) -> None:
        self.asked_at = self.of = -inf


heart = Heart()
_servers: dict[Any, _Known] = {}
_left_out_until = -inf


def has_secondary() -> bool:
    """Whether there is one by the settings."""
    return ALIAS in connections.databases


def read_near(read: Callable[[], T]) -> T:
    """What `read` returns, of a secondary that is at most `REPLICA_LAG_SECONDS` behind.

    Of the primary, where there is none; and when it fails meanwhile, for which `read` is called
    once more. It reads only.
    """
    if not has_secondary() or connection.in_atomic_block or not _is_near():
        return read()
    try:
        with _on_secondary():
            return read()
    except DatabaseError as error:
        if not is_unavailable(error):
            raise
        _leave_out(error)
    return read()


def come_near() -> None:
    """Wait for a secondary to have all that there is now, for `REPLICA_LAG_SECONDS` at most.

    For a process that begins: it knows of none that is near.
    """
    if not has_secondary() or connection.in_atomic_block:
        return
    with suppress(DomainError, DatabaseError):
        began, number = clock(), heart.beat()
        while clock() - began < settings.REPLICA_LAG_SECONDS:
            if (Beat.objects.using(ALIAS).values_list("number", flat=True).first() or 0) >= number:
                return
            time.sleep(0.05)


def _is_near() -> bool:
    if clock() < _left_out_until:
        return False
    heart.want()
    try:
        return clock() - _known_of(connections[ALIAS]) < settings.REPLICA_LAG_SECONDS
    except DatabaseError as error:
        _leave_out(error)
        return False


def _leave_out(error: DatabaseError) -> None:
    global _left_out_until  # noqa: PLW0603
    logger.warning("replica_left_out", error=repr(error))
    _left_out_until = clock() + ASK_SECONDS
    connections[ALIAS].close()


@contextmanager
def _on_secondary() -> Iterator[None]:
    primary = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections[ALIAS]
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = primary


def _known_of(secondary: Any) -> float:
    """The moment of which the server has all; it is asked once in `ASK_SECONDS`."""
    secondary.ensure_connection()
    known = _servers.setdefault(getattr(secondary, "server", 0), _Known())
    if clock() - known.asked_at >= ASK_SECONDS:
        known.asked_at = clock()
        shown = Beat.objects.using(ALIAS).values_list("number", flat=True).first()
        known.of = heart.moment_of(shown or 0)
    return known.of


def forget() -> None:
    """Know nothing of any server, as a process that begins."""
    global heart, _left_out_until  # noqa: PLW0603
    heart = Heart()
    _servers.clear()
    _left_out_until = -inf


os.register_at_fork(after_in_child=forget)
