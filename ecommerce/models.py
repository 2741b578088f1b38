"""What the shop as a whole remembers: the results of its audits."""

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

TEXT_MAX = 20_000
"""How many characters of an audit's violations are kept."""


class AuditRun(models.Model):
    """One run of `manage.py audit` that came to its end, and what it found."""

    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    seconds = models.FloatField(_("duration (s)"))
    violation_count = models.BigIntegerField(_("violations"))
    text = models.TextField(
        _("findings"), blank=True, default="", help_text=_("What was violated, one a line.")
    )

    class Meta:
        verbose_name = _("audit run")
        verbose_name_plural = _("audit runs")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(violation_count__gte=0), name="audit_run_violations_gte_0"
            )
        ]

    def __str__(self) -> str:
        when = date_format(timezone.localtime(self.started_at), "DATETIME_FORMAT")
        return f"{when}: {self.violation_count:,}"
