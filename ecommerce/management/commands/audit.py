"""`manage.py audit`: does the database still say what it must?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ecommerce.audit import AuditIsRunning, Finding, audit_now
from ecommerce.models import RunningAudit


class Command(BaseCommand):
    help = (
        "Check the shop's invariants in one consistent snapshot, also while it is selling. "
        "Exits 1 if one is violated, 2 if another audit is running. The result is kept for the"
        " admin's dashboard."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        RunningAudit.objects.first()  # a database that can't be asked stops it here
        try:
            report = audit_now(on_finding=self._tell)
        except AuditIsRunning as error:
            raise CommandError("Another audit is running.", returncode=2) from error
        if not report.is_clean:
            raise CommandError(f"{report.violation_count:,} violations.")
        self.stdout.write("No violations.")

    def _tell(self, finding: Finding) -> None:
        verdict = "BROKEN" if finding.violation_count else "ok"
        self.stdout.write(
            f"{verdict:6} {finding.checked:>11,} {finding.subject:20}"
            f" {finding.seconds:7.2f} s  {finding.invariant}"
        )
        for violation in finding.violations:
            self.stdout.write(f"       - {violation}")
        unseen = finding.violation_count - len(finding.violations)
        if unseen:
            self.stdout.write(f"       - and {unseen:,} more")
