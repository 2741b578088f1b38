"""`manage.py audit`: does the database still say what it must?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ecommerce.audit import Finding, keep_result, run_audit


class Command(BaseCommand):
    help = (
        "Check the shop's invariants in one consistent snapshot, also while it is selling. "
        "Exits 1 if one is violated. The result is kept for the admin's dashboard."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        started_at = timezone.now()
        report = run_audit(on_finding=self._tell)
        keep_result(report, started_at=started_at)
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
