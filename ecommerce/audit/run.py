"""All rules looked at in one moment of the database, and what was found."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import monotonic

import structlog
from django.db import DatabaseError

from common.admin.told import Told
from common.db.secondary import come_near, read_near
from common.db.transactions import run_transaction
from common.errors import DomainError
from ecommerce.audit.parts import Invariant
from ecommerce.audit.rules.campaigns import ISSUED
from ecommerce.audit.rules.daily_sales import DAILY_SALES
from ecommerce.audit.rules.orders import ORDERS
from ecommerce.audit.rules.stock import STOCK
from ecommerce.audit.rules.used_coupons import USED_COUPONS
from ecommerce.audit.rules.wallets import BALANCES
from ecommerce.audit.snapshot import consistent_snapshot
from ecommerce.models import TEXT_MAX, AuditRun, RunningAudit

logger = structlog.get_logger(__name__)

INVARIANTS = (BALANCES, ISSUED, STOCK, ORDERS, USED_COUPONS, DAILY_SALES)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check of one invariant found."""

    invariant: str
    subject: str
    """What it is about, in the plural."""
    checked: int
    """How many of them there are."""
    seconds: float
    violations: list[Told]
    """The first `SHOWN` of each rule, each in words a person can act on."""
    violation_count: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit found, one finding for each invariant."""

    findings: list[Finding]

    @property
    def violation_count(self) -> int:
        return sum(finding.violation_count for finding in self.findings)

    @property
    def is_clean(self) -> bool:
        return self.violation_count == 0


def run_audit(on_finding: Callable[[Finding], object] = lambda finding: None) -> AuditReport:
    """Check every invariant in one consistent snapshot, without holding up any seller.

    `on_finding` is called as each invariant is done, and anew when the secondary that was looked at
    is lost meanwhile. Inside a transaction the audit sees what
    that transaction sees.
    """
    come_near()
    return read_near(partial(_look_at_all, on_finding))


def _look_at_all(on_finding: Callable[[Finding], object]) -> AuditReport:
    findings = []
    with consistent_snapshot():
        for invariant in INVARIANTS:
            finding = _check(invariant)
            findings.append(finding)
            on_finding(finding)
    return AuditReport(findings)


def keep_result(
    report: AuditReport, *, started_at: datetime, mark: RunningAudit | None = None
) -> AuditRun | None:
    """Keep what an audit that `started_at` found, for the admin, in the place of its `mark`.

    Returns None when it could not be written, which the log then says: the verdict stands without.
    """
    shown = [(of.subject, violation) for of in report.findings for violation in of.violations]
    run = AuditRun(
        started_at=started_at,
        seconds=round(sum(finding.seconds for finding in report.findings), 3),
        violation_count=report.violation_count,
        text="\n".join(f"{subject}: {violation}" for subject, violation in shown)[:TEXT_MAX],
        told=[violation.stored() for _subject, violation in shown],
    )
    same = AuditRun.objects.filter(started_at=run.started_at, seconds=run.seconds)

    def work() -> AuditRun:
        run.pk = None
        run.save(force_insert=True)
        if mark is not None:
            RunningAudit.objects.filter(key=mark.key).delete()
        return run

    try:
        return run_transaction(work, find_again=same.first)
    except (DomainError, DatabaseError) as error:
        logger.warning("audit_result_not_kept", error=repr(error))
        return None


def _check(invariant: Invariant) -> Finding:
    started = monotonic()
    checked = invariant.subject._default_manager.count()
    broken = [rule() for rule in invariant.rules]
    return Finding(
        invariant=invariant.name,
        subject=str(invariant.subject._meta.verbose_name_plural),
        checked=checked,
        seconds=monotonic() - started,
        violations=[line for violations in broken for line in violations.shown],
        violation_count=sum(violations.total for violations in broken),
    )
