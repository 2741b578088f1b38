"""Writes that need one row and have nothing to share: each in a transaction of its own.

They have lanes all the same, one for each row, and so wait in no thread: not for who came before,
and not for somebody else who holds the row.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from common.db.batches import Batch, commit_batch
from common.db.group_commit import GroupCommit
from common.db.locks import Row, RowHeld, Waiting
from common.errors import DomainError

T = TypeVar("T")
U = TypeVar("U")

Write = Callable[[bool, Waiting], T]
"""Locks, first of all the row, decides and writes, in the transaction that is open.

It is told whether it settles a lost commit, and how long to wait for locks (`RowLock.one`).
"""


def write_later(row: Row, write: Write[T]) -> "Future[T]":
    """Run `write` in a transaction as `run_transaction` does, after those who came for this row.

    The future's exceptions are those of `GroupCommit.submit`, and what `write` raises.
    """
    return _lanes.enqueue(row, write)


def _run(row: Row, batch: Batch[Write[Any]]) -> Sequence[Any]:
    def work(settle: bool, waiting: Waiting) -> list[Any | DomainError | RowHeld]:
        return [write(settle, waiting) for write in batch.close()]

    return commit_batch(batch, work)


_lanes: GroupCommit[Row, Write[Any], Any] = GroupCommit(_run, lambda row, write: (row,), most=1)


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
