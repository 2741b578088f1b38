"""The one way to write: a durable transaction that is tried again when the database asks for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, local
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import OperationalError, connection, transaction
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random

from common import metrics
from common.db import timing
from common.db.database_errors import (
    is_connection_lost,
    is_unavailable,
    may_be_retried,
    retry_cause,
)
from common.errors import Busy, OutcomeUnknown, Unavailable

T = TypeVar("T")
_sqlite_turn = Lock()
_thread = local()
logger = structlog.get_logger(__name__)


class _CommitAnswerLost(Exception):
    """The connection broke between sending COMMIT and its answer."""


def run_transaction(work: Callable[[bool], T]) -> T:
    """Run `work` in its own durable transaction and return what it returns, after the commit.

    A deadlock, a lock timeout or a connection that broke before the commit has changed nothing:
    `work` runs again, `TRANSACTION_ATTEMPTS` times in all, with jitter between, outside of any
    transaction. When the answer to a COMMIT is lost, `work` runs again with `settle=True`: it
    must first take the lock that the lost transaction held, and then return what it finds under
    the identity that the caller fixed before the first attempt, or else do the work.

    Raises:
        Busy: locks could not be had in time; nothing was written.
        Unavailable: the database is down; nothing was written.
        OutcomeUnknown: a commit's answer was lost and could not be settled.
        RuntimeError: called inside another transaction, unless by `run_joined`.
    """
    if _joins():
        with transaction.atomic():  # what is refused in here can be told, and the rest go on
            return work(False)
    settle = False
    try:
        for attempt in Retrying(
            retry=retry_if_exception(_worth_another_attempt),
            stop=stop_after_attempt(settings.TRANSACTION_ATTEMPTS),
            wait=wait_random(0.0, 0.05),
            before_sleep=_log_retry,
            reraise=True,
        ):
            with attempt:
                try:
                    return _run_once(work, settle)
                except _CommitAnswerLost:
                    settle = True
                    raise
    except (_CommitAnswerLost, DjangoDatabaseError) as error:
        if not _worth_another_attempt(error) and not is_unavailable(error):
            raise  # a bug or a broken constraint, not a matter of trying again
        if settle:
            raise OutcomeUnknown from error
        raise (Busy if may_be_retried(error) else Unavailable) from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def run_joined(work: Callable[[bool], T]) -> T:
    """As `run_transaction`, and the services that `work` calls take part in its transaction.

    They are tried again with it, so they have nothing to settle: `work` does, by an identity that
    it writes itself.
    """
    left: list[Callable[[], object]] = []

    def joined(settle: bool) -> T:
        left.clear()
        _thread.after_commit = left
        try:
            return work(settle)
        finally:
            _thread.after_commit = None

    result = run_transaction(joined)
    for act in left:
        act()
    return result


def after_commit(act: Callable[[], object]) -> None:
    """Do what a service does once its transaction is committed: now, if it has joined no other."""
    if _joins():
        _thread.after_commit.append(act)
    else:
        act()


def _joins() -> bool:
    return getattr(_thread, "after_commit", None) is not None


def discard_transaction() -> None:
    """End the transaction that is open with a rollback: there is nothing to write.

    No commit, no commit whose answer could be lost.
    """
    transaction.set_rollback(True)


def _run_once(work: Callable[[bool], T], settle: bool) -> T:
    committing = False
    # Not asked first whether the connection still stands, a round trip each time: if it doesn't,
    # the work itself finds out, has changed nothing, and is tried again on a new one.
    connection.health_check_done = True  # type: ignore[attr-defined]  # its stubs lack it
    try:
        with in_turn(), timing.transaction() as commits, transaction.atomic(durable=True):
            result = work(settle)
            committing = True
            commits()
        return result
    except DjangoDatabaseError as error:
        if is_connection_lost(error):
            connection.close()
        # Of a server that is down by now, Django tells that it could not reconnect, not what it was
        # doing: the commit may have been carried out all the same.
        if committing and is_unavailable(error):
            raise _CommitAnswerLost from error
        raise


@contextmanager
def in_turn() -> Iterator[None]:
    """On SQLite, the threads of a process wait for the database's one write lock out here.

    Within SQLite they would wait in its busy handler, where a thread holds its connection's mutex;
    a collection of garbage in another thread that finalises a cursor of that connection then
    waits for it with the GIL in hand, and the whole process, the writer included, stands still.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    if not _sqlite_turn.acquire(timeout=settings.LOCK_TIMEOUT_SECONDS):
        raise OperationalError("database is locked")  # as SQLite says it
    try:
        yield
    finally:
        _sqlite_turn.release()


def _worth_another_attempt(error: BaseException) -> bool:
    return (
        isinstance(error, _CommitAnswerLost) or may_be_retried(error) or is_connection_lost(error)
    )


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    cause = "commit_lost" if isinstance(error, _CommitAnswerLost) else retry_cause(error)
    metrics.RETRIES.labels(cause).inc()
    logger.warning("transaction_retried", attempt=state.attempt_number, error=repr(error))
