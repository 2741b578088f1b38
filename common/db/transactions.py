"""The one way to write: a durable transaction that is tried again when the database asks for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, local
from time import monotonic, sleep
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import OperationalError, connection, transaction
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from common import metrics
from common.db import timing
from common.db.database_errors import is_turned_away, is_unavailable, may_be_retried, retry_cause
from common.errors import Busy, OutcomeUnknown, Unavailable

T = TypeVar("T")

SWITCH_SECONDS = 2.0
"""So long a write looks for who takes writes, once it was turned away; a planned switch of the
primary takes less."""
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 0.5
"""Between attempts: at most so long at first, doubled each time."""

_sqlite_turn = Lock()
logger = structlog.get_logger(__name__)


class _Thread(local):
    """What is known in each thread of the transaction that is open there."""

    joins = False
    """Whether services take part in it."""
    acts: list[Callable[[], object]] | None = None
    """What is to be done after the commit; None when no transaction is open."""


_thread = _Thread()


class _CommitAnswerLost(Exception):
    """Between sending COMMIT and its answer the connection broke, or the server stepped down."""


@dataclass(slots=True)
class _Course:
    """What the failed attempts of a transaction have told so far."""

    began: float
    """By the clock that does not jump (seconds)."""
    is_lost: bool = False
    """Whether a COMMIT's answer is."""
    is_turned_away: bool = False
    """Whether a server that served it gave it up."""

    def learn_of(self, error: BaseException) -> None:
        self.is_lost = self.is_lost or isinstance(error, _CommitAnswerLost)
        self.is_turned_away = self.is_turned_away or is_turned_away(error)

    def may_go_on_after(self, error: BaseException) -> bool:
        """Whether another attempt may end otherwise."""
        if isinstance(error, _CommitAnswerLost) or may_be_retried(error) or is_turned_away(error):
            return True
        # Who never had a connection is told so at once.
        return (self.is_lost or self.is_turned_away) and is_unavailable(error)

    def has_tried_enough(self, state: RetryCallState) -> bool:
        if state.attempt_number < settings.TRANSACTION_ATTEMPTS:
            return False
        seconds = settings.FAILOVER_SECONDS
        if not self.is_lost:
            seconds = min(seconds, SWITCH_SECONDS) if self.is_turned_away else 0.0
        return monotonic() - self.began >= seconds


def run_transaction(
    work: Callable[[], T], *, find_again: Callable[[], T | None] | None = None
) -> T:
    """Run `work` in its own durable transaction and return what it returns, after the commit.

    A deadlock, a lock timeout or a connection that broke before the commit has changed nothing:
    `work` runs again, `TRANSACTION_ATTEMPTS` times in all, with jitter between, outside of any
    transaction. Where a server gave it up (its connection broke, it takes no writes any more),
    further attempts look for another for `SWITCH_SECONDS`. When the answer to a COMMIT is lost,
    they go on for `FAILOVER_SECONDS`, and each begins with `find_again`: it takes the lock that
    the lost transaction held, and returns what that one did, found by an identity that the caller
    fixed before the first attempt, or None. Then `work` runs again, as it does at once where doing
    it twice is doing it once.

    Raises:
        Busy: locks could not be had in time; nothing was written.
        Unavailable: the database is down; nothing was written.
        OutcomeUnknown: a commit's answer was lost and could not be settled.
        RuntimeError: called inside another transaction, unless by `run_joined`.
    """
    if _thread.joins:
        with transaction.atomic():  # what is refused in here can be told, and the rest go on
            return work()

    def work_unless_found() -> T:
        found = find_again() if find_again else None
        return work() if found is None else found

    course = _Course(monotonic())
    try:
        for attempt in Retrying(
            retry=retry_if_exception(course.may_go_on_after),
            stop=course.has_tried_enough,
            wait=wait_random_exponential(PAUSE_SECONDS, LONGEST_PAUSE_SECONDS),
            sleep=pause,
            before_sleep=_log_retry,
            reraise=True,
        ):
            with attempt:
                try:
                    result, acts = _run_once(work_unless_found if course.is_lost else work)
                except (_CommitAnswerLost, DjangoDatabaseError) as error:
                    course.learn_of(error)
                    raise
    except (_CommitAnswerLost, DjangoDatabaseError) as error:
        if not course.may_go_on_after(error) and not is_unavailable(error):
            raise  # a bug or a broken constraint, not a matter of trying again
        if course.is_lost:
            raise OutcomeUnknown from error
        raise (Busy if may_be_retried(error) else Unavailable) from error
    for act in acts:
        act()
    return result


def pause(seconds: float) -> None:
    """Wait between two attempts, outside of any transaction."""
    sleep(seconds)


def run_joined(work: Callable[[], T]) -> T:
    """As `run_transaction`, and the services that `work` calls take part in its transaction.

    They are tried again with it, so they have nothing to find again: `work` fails on an identity
    that it writes itself.
    """

    def joined() -> T:
        _thread.joins = True
        try:
            return work()
        finally:
            _thread.joins = False

    return run_transaction(joined)


def after_commit(act: Callable[[], object]) -> None:
    """Do something once the transaction that is open has ended as it should; now, if none is."""
    if _thread.acts is None:
        act()
    else:
        _thread.acts.append(act)


def discard_transaction() -> None:
    """End the transaction that is open with a rollback: there is nothing to write.

    No commit, no commit whose answer could be lost.
    """
    transaction.set_rollback(True)


def _run_once(work: Callable[[], T]) -> tuple[T, list[Callable[[], object]]]:
    """What `work` returns, and what it left to be done after the commit."""
    is_committing = False
    acts: list[Callable[[], object]] = []
    # Not asked first whether the connection still stands, a round trip each time: if it doesn't,
    # the work itself finds out, has changed nothing, and is tried again on a new one.
    connection.health_check_done = True  # type: ignore[attr-defined]  # its stubs lack it
    try:
        with in_turn(), timing.transaction() as commits, transaction.atomic(durable=True):
            _thread.acts = acts
            try:
                result = work()
            finally:
                _thread.acts = None
            is_committing = True
            commits()
        return result, acts
    except DjangoDatabaseError as error:
        if is_turned_away(error):
            connection.close()
        # Of a server that is down by now, Django tells that it could not reconnect, not what it was
        # doing: the commit may have been carried out all the same.
        if is_committing and is_unavailable(error):
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


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    cause = "commit_lost" if isinstance(error, _CommitAnswerLost) else retry_cause(error)
    metrics.count_retry(cause)
    logger.warning("transaction_retried", attempt=state.attempt_number, error=repr(error))
