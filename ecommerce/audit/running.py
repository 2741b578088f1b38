"""One audit at a time, whether a command runs it or a server for who pressed the button.

Who audits has a mark in the database, and says there every few seconds that it goes on. A process
that dies says nothing any more: soon its mark stands in nobody's way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

import structlog
from django.db import DatabaseError, IntegrityError, connection, connections
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.db.transactions import after_commit, run_transaction
from common.errors import DomainError
from ecommerce.audit.run import INVARIANTS, AuditReport, Finding, keep_result, run_audit
from ecommerce.environment import wait_for_ever
from ecommerce.models import RunningAudit

BEAT_SECONDS = 5.0
"""How often who audits says so; well below `DEAD_AFTER`."""

logger = structlog.get_logger(__name__)


class AuditIsRunning(DomainError):
    """There is an audit that goes on."""

    code = "audit_is_running"
    message = _("The books are being checked already.")


def audit_now(on_finding: Callable[[Finding], object]) -> AuditReport:
    """Audit and keep the result; `on_finding` is called as each invariant is done.

    A database that can't be written to is checked all the same.

    Raises:
        AuditIsRunning: another one does.
    """
    mark = RunningAudit()
    try:
        _claim(mark)
    except AuditIsRunning:
        raise
    except (DomainError, DatabaseError) as error:
        logger.warning("audit_not_marked", error=repr(error))
    return _audit(mark, on_finding)


def start_audit(*, staff_id: int) -> None:
    """Let an audit begin in a thread of this process, once the transaction that is open commits.

    Raises:
        AuditIsRunning: another one does.
    """
    mark = RunningAudit(started_by_id=staff_id)
    _claim(mark)
    after_commit(partial(_begin, mark))


def _claim(mark: RunningAudit) -> None:
    def work() -> RunningAudit:
        found = RunningAudit.objects.select_for_update().first()
        if found is not None and found.is_alive:
            raise AuditIsRunning
        mark.save(force_insert=found is None, force_update=found is not None)
        return mark

    mine = RunningAudit.objects.select_for_update().filter(key=mark.key)
    try:
        run_transaction(work, find_again=mine.first)
    except IntegrityError as error:  # somebody else's, of the same moment
        raise AuditIsRunning from error


def _begin(mark: RunningAudit) -> None:
    Thread(target=_audit_in_thread, args=[mark], name="audit", daemon=True).start()


def _audit_in_thread(mark: RunningAudit) -> None:
    # A statement over all of a large shop takes longer than one of a request may.
    for each in connections.all():
        mine = each.settings_dict
        each.settings_dict = {**mine, "OPTIONS": {**mine["OPTIONS"]}}
        wait_for_ever(each.settings_dict)
    try:
        _audit(mark)
    except Exception:  # whatever it is: nobody waits for this thread
        logger.exception("audit_failed")
    finally:
        connection.close()


def _audit(
    mark: RunningAudit, on_finding: Callable[[Finding], object] = lambda finding: None
) -> AuditReport:
    def tell(finding: Finding) -> None:
        mark.done = 1 + [each.name for each in INVARIANTS].index(finding.invariant)
        on_finding(finding)

    is_kept = False
    try:
        with _kept_alive(mark):
            report = run_audit(tell)
        is_kept = keep_result(report, started_at=mark.started_at, mark=mark) is not None
    finally:
        if not is_kept:
            _write(mark, alive_at=None)
    return report


@contextmanager
def _kept_alive(mark: RunningAudit) -> Iterator[None]:
    is_over = Event()

    def beat() -> None:
        try:
            while not is_over.wait(BEAT_SECONDS):
                _write(mark, alive_at=timezone.now(), done=mark.done)
        finally:
            connection.close()

    thread = Thread(target=beat, name="audit-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(BEAT_SECONDS)


def _write(mark: RunningAudit, **columns: object) -> None:
    """Write into the mark, if it is still ours; who can't is taken for dead in the end."""
    try:
        run_transaction(lambda: RunningAudit.objects.filter(key=mark.key).update(**columns))
    except (DomainError, DatabaseError) as error:
        logger.warning("audit_mark_not_written", error=repr(error))
