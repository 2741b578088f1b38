"""What is old and of no use to anybody any more, and goes by `manage.py tidy`.

In batches, each in a transaction of its own, by rows that nobody else needs: nobody who buys waits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session as AdminSession
from django.db.models import Model, QuerySet
from django.utils import timezone

from common.db.transactions import run_transaction
from common.models import SentForm
from ecommerce.models import AuditRun
from users.services.tokens import dead_sessions

BATCH = 500
"""How many rows a transaction removes at most: some 20 ms of the database's time."""
AUDIT_DAYS = 90
FORM_DAYS = 30
"""Longer than a session of the back office lasts: nobody can send such a form again."""


@dataclass(frozen=True, slots=True)
class Removed:
    """How many of something are gone."""

    what: str
    count: int


def tidy() -> Iterator[Removed]:
    """Remove what is old; each kind is told when it is done.

    Raises:
        Busy, Unavailable: as `run_transaction`; what was removed until then is removed.
    """
    for what, old in KINDS.items():
        yield Removed(what, sum(iter(partial(_remove_some, old), 0)))


def _remove_some(old: "Callable[[], QuerySet[Model]]") -> int:
    """How many of them this removed, `BATCH` at most."""

    def work() -> int:
        rows = old()
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        rows.model._default_manager.filter(pk__in=keys).delete()
        return len(keys)

    return run_transaction(work)


def _old_admin_sessions() -> "QuerySet[AdminSession]":
    return AdminSession.objects.filter(expire_date__lt=timezone.now())


def _old_wrong_passwords() -> "QuerySet[AccessAttempt]":
    locked_since = timezone.now() - settings.AXES_COOLOFF_TIME
    old: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(attempt_time__lt=locked_since)
    return old


def _old_audits() -> "QuerySet[AuditRun]":
    """But for the last one: the dashboard and /metrics tell of it, however old it is."""
    last = AuditRun.objects.order_by("-pk").values_list("pk", flat=True).first()
    before = timezone.now() - timedelta(days=AUDIT_DAYS)
    return AuditRun.objects.filter(started_at__lt=before).exclude(pk=last or 0)


def _old_forms() -> "QuerySet[SentForm]":
    days = max(FORM_DAYS, settings.ADMIN_SESSION_DAYS + 1)
    return SentForm.objects.filter(created_at__lt=timezone.now() - timedelta(days=days))


KINDS: "dict[str, Callable[[], QuerySet[Model]]]" = {
    "sessions of members": dead_sessions,
    "sessions of the back office": _old_admin_sessions,
    "wrong passwords": _old_wrong_passwords,
    "audits": _old_audits,
    "sent forms": _old_forms,
}
