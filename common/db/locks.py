"""Locking rows, and how long to wait for those that others hold."""

from collections import defaultdict
from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import close_old_connections, connection
from django.db.models import Model, QuerySet

from common.db import timing
from common.db.compiled import Compiled
from common.db.transactions import discard_transaction, run_transaction

M = TypeVar("M", bound=Model)

PATIENCE_SECONDS = 1.0
"""How long a brief wait is: many times as long as another batch holds its locks."""


class Waiting(Enum):
    """How long to wait for a row that others hold."""

    LONG = auto()
    """For `LOCK_TIMEOUT_SECONDS`."""
    BRIEF = auto()
    """For `PATIENCE_SECONDS`; then the statement fails (`database_errors.is_out_of_time`)."""
    NONE = auto()
    """Not at all: the row is left out."""

    @property
    def for_own_rows(self) -> "Waiting":
        """How long to wait for what is one member's: nobody else is served meanwhile.

        Others seldom hold such a row, and whoever does may hold it for long.
        """
        return Waiting.LONG if self is Waiting.LONG else Waiting.NONE


class Locking(Generic[M]):
    """A query that locks what it finds, compiled once for each way of waiting.

    `shared` locks keep others from changing a row, and not from sharing its lock: enough for the
    parent of a row to be inserted. SQLite locks no rows: its transactions exclude each other.
    """

    def __init__(self, build: "Callable[..., QuerySet[M, Any]]", *, shared: bool = False) -> None:
        self._compiled = {
            waiting: Compiled(_locking(build, waiting), _edit(waiting, shared))
            for waiting in Waiting
        }

    def objects(self, *values: int, waiting: Waiting = Waiting.LONG) -> list[M]:
        """The rows, locked, as objects of the model. Needs an open transaction."""
        with timing.waiting_for_locks():
            return self._compiled[waiting].objects(*values)

    def rows(self, *values: int, waiting: Waiting = Waiting.LONG) -> "list[tuple[Any, ...]]":
        """What the database answers, its rows locked. Needs an open transaction."""
        with timing.waiting_for_locks():
            return list(self._compiled[waiting].rows(*values))


def _locking(
    build: "Callable[..., QuerySet[M, Any]]", waiting: Waiting
) -> "Callable[..., QuerySet[M, Any]]":
    if waiting is Waiting.NONE:
        return lambda *values: build(*values).select_for_update(skip_locked=True)
    return lambda *values: build(*values).select_for_update()


def _edit(waiting: Waiting, shared: bool) -> Callable[[str], str]:
    def edit(sql: str) -> str:
        if connection.vendor != "mysql":
            return sql
        is_mariadb = connection.mysql_is_mariadb  # type: ignore[attr-defined]  # MySQL's has it
        if shared:
            share = "LOCK IN SHARE MODE" if is_mariadb else "FOR SHARE"
            sql = sql.replace("FOR UPDATE", share)
        if waiting is Waiting.BRIEF and is_mariadb:
            return f"SET STATEMENT max_statement_time={PATIENCE_SECONDS} FOR {sql}"
        if waiting is Waiting.BRIEF:  # lock timeouts are whole seconds there
            hint = f"/*+ MAX_EXECUTION_TIME({PATIENCE_SECONDS * 1000:.0f}) */"
            return sql.replace("SELECT", f"SELECT {hint}", 1)
        return sql

    return edit


class RowLock(Generic[M]):
    """The locks on one kind of rows, which are known by a column of whole numbers.

    Of a row that `is_hot`, whoever holds it is most likely the next batch of another process: then
    it is right to stand in the row's queue for a moment.
    """

    def __init__(
        self,
        rows: "Callable[[], QuerySet[M, Any]]",
        *,
        by: str = "pk",
        shared: bool = False,
        is_hot: bool = False,
    ) -> None:
        def among(*values: int) -> "QuerySet[M, Any]":
            return rows().filter(**{f"{by}__in": values}).order_by(by)

        self.is_hot = is_hot
        self._by = by
        self._objects = Locking(among, shared=shared)
        self._locked = Locking(lambda *values: among(*values).values_list(by), shared=shared)
        self._there: Compiled[M] = Compiled(lambda *values: among(*values).values_list(by))

    def objects(self, values: Collection[int], waiting: Waiting = Waiting.LONG) -> dict[int, M]:
        """Lock the rows that there are, lowest first; with `Waiting.NONE`, those that are free."""
        return {
            getattr(row, self._by): row for row in self._objects.objects(*values, waiting=waiting)
        }

    def one(self, value: int, waiting: Waiting = Waiting.LONG) -> M | None:
        """Lock one row, if there is one.

        Raises:
            RowHeld: with `Waiting.NONE`, somebody else holds it.
        """
        row = self.objects([value], waiting).get(value)
        if row is None and self.held([value], waiting):
            raise RowHeld(Row(self, value))
        return row

    def values(self, values: Collection[int], waiting: Waiting = Waiting.LONG) -> set[int]:
        """As `objects`, for who needs to know no more than which rows these are."""
        return {value for (value,) in self._locked.rows(*values, waiting=waiting)}

    def held(self, values: Collection[int], waiting: Waiting) -> set[int]:
        """Those among rows that were not found which are there all the same: others hold them."""
        if not values or waiting is not Waiting.NONE:
            return set()
        if not connection.features.has_select_for_update_skip_locked:
            return set()
        return {value for (value,) in self._there.rows(*values)}


class Row(NamedTuple):
    """One row that requests lock."""

    lock: RowLock[Any]
    value: int


class RowHeld(Exception):
    """A request needs a row that somebody else holds; nothing was done."""

    def __init__(self, row: Row) -> None:
        self.row = row
        super().__init__(row)


def free_rows(rows: Collection[Row]) -> list[Row]:
    """Which of the rows nobody holds at this moment: a statement for each kind of them."""
    by_lock: dict[RowLock[Any], list[int]] = defaultdict(list)
    for row in rows:
        by_lock[row.lock].append(row.value)

    def work() -> list[Row]:
        free = [
            Row(lock, value)
            for lock, values in by_lock.items()
            for value in lock.values(values, Waiting.NONE)
        ]
        discard_transaction()
        return free

    close_old_connections()  # as a request does when it begins
    return run_transaction(work)
