"""What the shop as a whole remembers: the results of its audits, and the one that runs."""

from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

TEXT_MAX = 20_000
"""How many characters of an audit's violations are kept."""
DEAD_AFTER = timedelta(minutes=1)
"""Who audits says every few seconds that it goes on; who said nothing for so long is gone."""


class AuditRun(models.Model):
    """One run of `manage.py audit` that came to its end, and what it found."""

    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    seconds = models.FloatField(_("duration (s)"))
    violation_count = models.BigIntegerField(_("violations"))
    text = models.TextField(
        _("findings"), blank=True, default="", help_text=_("What was violated, one a line.")
    )
    told = models.JSONField(null=True, editable=False)
    """The same, as `Told` is stored: for readers of each language. Older runs have none."""

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


class RunningAudit(models.Model):
    """The audit that runs, or the last one if that ended without a result: one row at most."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    key = models.UUIDField(default=uuid4)
    """Whose row it is: of who was taken for dead, another may have taken it over."""
    started_at = models.DateTimeField(default=timezone.now)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    """Nobody if a command started it."""
    done = models.PositiveSmallIntegerField(default=0)
    """How many invariants are checked."""
    alive_at = models.DateTimeField(null=True, default=timezone.now)
    """When it last said that it goes on; nothing if it said that it doesn't."""

    class Meta:
        verbose_name = _("running audit")
        verbose_name_plural = _("running audits")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="running_audit_one_at_most")
        ]

    def __str__(self) -> str:
        return date_format(timezone.localtime(self.started_at), "DATETIME_FORMAT")

    @property
    def is_alive(self) -> bool:
        return self.alive_at is not None and timezone.now() - self.alive_at < DEAD_AFTER
