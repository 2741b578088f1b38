"""Writes that need one row and have nothing to share: each in a transaction of its own.

They have lanes all the same, one for each row, and so wait in no thread: not for who came before,
and not for somebody else who holds the row.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common.db.batches import Batch, committed
from common.db.group_commit import GroupCommit
from common.db.locks import Row, Waiting

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class _Write(Generic[T]):
    do: Callable[[Waiting], T]
    find_again: Callable[[], T | None] | None


def write_later(
    row: Row, do: Callable[[Waiting], T], *, find_again: Callable[[], T | None] | None = None
) -> "Future[T]":
    """Run `do` in a transaction as `run_transaction` does, after those who came for this row.

    It locks, first of all the row, for as long as it is told to wait (`RowLock.one`), decides and
    writes. The future's exceptions are those of `GroupCommit.submit`, and what `do` raises.
    """
    return _lanes.enqueue(row, _Write(do, find_again))


def _do(row: Row, batch: Batch[_Write[Any]], waiting: Waiting) -> list[Any]:
    return [write.do(waiting) for write in batch.close()]


def _find_again(row: Row, batch: Batch[_Write[Any]]) -> list[Any]:
    return [write.find_again() if write.find_again else None for write in batch.close()]


_lanes: GroupCommit[Row, _Write[Any], Any] = GroupCommit(
    committed(_do, find_again=_find_again), lambda row, write: (row,), most=1
)


def then(future: "Future[T]", step: Callable[[T], U]) -> "Future[U]":
    """What `step` makes of the future's result, or raises; or what the future has failed with."""
    done: Future[U] = Future()

    def go_on(_: "Future[T]") -> None:
        try:
            done.set_result(step(future.result()))
        except Exception as error:
            done.set_exception(error)

    future.add_done_callback(go_on)
    return done


def finished(value: T) -> "Future[T]":
    """A future that has this result."""
    done: Future[T] = Future()
    done.set_result(value)
    return done
