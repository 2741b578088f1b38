"""What the shop as a whole remembers: the sums of days that are over, the results of its audits."""

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


class ClosedDay(models.Model):
    """What all orders of a day that is over come to, cancelled ones included.

    An order's day and total never change, and no order is added to a day that is over. All days up
    to the last closed one are closed; one without a row had no orders.
    """

    day = models.DateField(_("day (Seoul)"), unique=True)
    orders = models.BigIntegerField(_("orders"))
    total = models.BigIntegerField(_("total (won)"))

    class Meta:
        verbose_name = _("closed day")
        verbose_name_plural = _("closed days")
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day}: {self.orders:,}"
