"""Reads that may go through a whole table: each is bounded in time, and so are all together.

What a page costs isn't known before it is read. So a read has a short time of its own, in which the
ordinary one is done, and borrows the rest from what its process has for all of them: a share of the
time, saved up for two of the longest. What is not needed goes back. When nothing is left, whoever
needs more is told that the shop is busy, at once: nobody waits, and nothing is queued. Of searches
that go on at the same time only the first has a time of its own, or a crowd could ask without end.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext_lazy as _

from common.db.database_errors import is_out_of_time
from common.errors import Busy, DomainError
from common.sources import cannot_be_asked_again

T = TypeVar("T")

OWN_SECONDS = 0.03
"""What a read may take without borrowing."""
LEAST_SECONDS = 0.005
"""With less than that, nothing is begun: it would be thrown away."""
SQLITE_STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock: well under a millisecond."""


class SearchTooBroad(DomainError):
    """It can't be found without reading too much, which doesn't say whether it exists."""

    status = 400
    code = "search_too_broad"
    message = _(
        "Finding this would take too long, so it was not looked for to the end."
        " Ask for a longer part of the name, or with fewer filters."
    )


class ReadTooLong(Exception):
    """The statements of a `time_limit` took longer than it allows."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends what is read from the database within, when it takes longer than `seconds` in all.

    Raises:
        ReadTooLong: it did. The connection is as good as before.
    """
    ends = monotonic() + seconds
    with ExitStack() as stack:
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            sqlite = connection.connection
            sqlite.set_progress_handler(lambda: monotonic() > ends, SQLITE_STEPS)
            stack.callback(sqlite.set_progress_handler, None, 0)
        else:
            stack.enter_context(connection.execute_wrapper(_limited_until(ends)))
        try:
            yield
        except DatabaseError as error:
            if is_out_of_time(error):
                raise ReadTooLong from error
            raise


def _limited_until(ends: float) -> Callable[..., Any]:
    """Gives each SELECT the time that is left, in the words of MySQL or MariaDB."""

    def limited(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT "):
            left = max(ends - monotonic(), 0.001)
            if connection.mysql_is_mariadb:  # type: ignore[attr-defined]
                sql = f"SET STATEMENT max_statement_time={left:.3f} FOR {sql}"
            else:
                sql = f"SELECT /*+ MAX_EXECUTION_TIME({round(1000 * left)}) */ {sql[7:]}"
        return execute(sql, params, many, context)

    return limited


class _Savings:
    """Seconds that grow by a share of the time, up to as many as one read may take twice."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds = float("inf")
        self._since = monotonic()
        self._under_way = 0

    @contextmanager
    def one_more(self) -> Iterator[int]:
        """Yields how many other reads are under way."""
        with self._lock:
            others = self._under_way
            self._under_way += 1
        try:
            yield others
        finally:
            with self._lock:
                self._under_way -= 1

    def take(self, seconds: float) -> float:
        """So many, or half of what is left if that is less: there may be others."""
        with self._lock:
            now = monotonic()
            grown = self._seconds + (now - self._since) * settings.COSTLY_READS_SHARE
            self._seconds, self._since = min(grown, 2 * settings.COSTLY_READ_SECONDS), now
            taken = min(seconds, self._seconds / 2)
            self._seconds -= taken
            return taken

    def give_back(self, seconds: float) -> None:
        with self._lock:
            self._seconds += seconds


_savings = _Savings()


def read_costly(read: Callable[[], T], *, attr: str | None = None, is_search: bool = False) -> T:
    """What `read` returns, if the database has it in `COSTLY_READ_SECONDS`.

    Raises:
        SearchTooBroad: it would take longer; `attr` names what was asked.
        Busy: it would take longer than what other such reads have left at the moment.
    """
    cannot_be_asked_again()  # not without these bounds
    with _savings.one_more() as others:
        return _read(read, attr, own=0.0 if is_search and others else OWN_SECONDS)


def _read(read: Callable[[], T], attr: str | None, own: float) -> T:
    borrowed = _savings.take(settings.COSTLY_READ_SECONDS - own)
    allowed = own + borrowed
    began = monotonic()
    try:
        if allowed < LEAST_SECONDS:
            raise Busy
        with time_limit(allowed):
            return read()
    except ReadTooLong as error:
        if allowed < settings.COSTLY_READ_SECONDS:
            raise Busy from error
        raise SearchTooBroad(attr=attr) from error
    finally:
        used = max(monotonic() - began - own, 0)
        _savings.give_back(max(borrowed - used, 0))
