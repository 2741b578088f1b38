"""What an answer was made of, to find out at little cost whether it would be the same again.

An answer that is made of nothing but what was asked for, of what the database told to that, and of
what is remembered by this process stays as it is as long as these tell the same. So they are asked
once more, by the same statements, and nothing else is done. What else an answer depends on must be
said by who makes it: `changes_at` a moment, or `cannot_be_asked_again`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from threading import local
from typing import Any

from django.db import connection
from django.utils import timezone


@dataclass(slots=True)
class Sources:
    """What was asked while an answer was made, and what was told."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    told: Any = field(default_factory=lambda: blake2b(digest_size=16))
    remembered: list[tuple[Callable[[], Any], Any]] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None
    """Between when the answer is the same, if its sources tell the same."""
    can_be_asked_again: bool = True

    def tell_the_same(self) -> bool:
        """Whether the answer would be the same now.

        Raises:
            DatabaseError, DomainError: they can't be asked at the moment.
        """
        if self.since and self.until and not self.since <= timezone.now() < self.until:
            return False
        if any(ask() != answer for ask, answer in self.remembered):
            return False
        told = blake2b(digest_size=16)
        if self.statements:
            with connection.cursor() as cursor:
                for sql, parameters in self.statements:
                    cursor.execute(sql, parameters)
                    told.update(_as_bytes(cursor.fetchall()))
        return bool(told.digest() == self.told.digest())

    def _note(
        self, execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any
    ) -> Any:
        """A wrapper of statements: reads at once all that the database tells, and notes it."""
        cursor = context["cursor"]
        if isinstance(cursor.cursor, _ReadAlready):  # it is used for one more statement
            cursor.cursor = cursor.cursor.driver
        result = execute(sql, parameters, many, context)
        if _thread.sources is self:
            if many or not sql.startswith("SELECT "):
                self.can_be_asked_again = False
            if self.can_be_asked_again:
                rows = cursor.fetchall()
                self.statements.append((sql, parameters))
                self.told.update(_as_bytes(rows))
                cursor.cursor = _ReadAlready(cursor.cursor, rows)
        return result


class _ReadAlready:
    """A driver's cursor whose rows were read by somebody before."""

    def __init__(self, driver: Any, rows: Any) -> None:
        self.driver = driver
        self._rows = rows
        self._place = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def fetchone(self) -> Any:
        return next(iter(self.fetchmany(1)), None)

    def fetchmany(self, size: int = 1) -> Any:
        rows = self._rows[self._place : self._place + size]
        self._place += len(rows)
        return rows  # a list or a tuple, as the driver's: Django knows the end by it

    def fetchall(self) -> Any:
        return self.fetchmany(len(self._rows))


class _Thread(local):
    sources: Sources | None = None


_thread = _Thread()


@contextmanager
def noted_sources() -> Iterator[Sources]:
    """Note the sources of the answer that is made in here, by this thread."""
    before, sources = _thread.sources, Sources()
    _thread.sources = sources
    try:
        with connection.execute_wrapper(sources._note):
            yield sources
    finally:
        _thread.sources = before


def are_noted() -> bool:
    """Whether this thread notes the sources of an answer."""
    return _thread.sources is not None


@contextmanager
def aside() -> Iterator[None]:
    """What is asked in here is no source of an answer; what comes of it may be (`note_memory`)."""
    before, _thread.sources = _thread.sources, None
    try:
        yield
    finally:
        _thread.sources = before


def note_memory(ask: Callable[[], Any], answer: Any) -> None:
    """Note what a memory of this process told; `ask` asks it again."""
    if _thread.sources is not None:
        _thread.sources.remembered.append((ask, answer))


def changes_at(moment: datetime) -> None:
    """Note that the answer that is being made changes then, by itself."""
    sources = _thread.sources
    if sources is not None and (sources.until is None or moment < sources.until):
        sources.since, sources.until = timezone.now(), moment


def cannot_be_asked_again() -> None:
    """Note that the answer that is being made depends on more, or costs too much to ask for."""
    if _thread.sources is not None:
        _thread.sources.can_be_asked_again = False


def _as_bytes(rows: Any) -> bytes:
    return repr(rows).encode(errors="surrogatepass")
