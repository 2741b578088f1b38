"""What the mechanisms that all apps share remember."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.db.fields import ExactCharField


class SentForm(models.Model):
    """A form of the admin that acted, and what was answered: sent again, it gets that answer.

    Written in the transaction of what the form did, so that there is one if and only if it did it.
    """

    key = ExactCharField(max_length=64, unique=True)
    body = ExactCharField(max_length=64)
    answer = models.TextField(default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("sent form")
        verbose_name_plural = _("sent forms")
        default_permissions = ()  # nobody sees them but the mechanism

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S}"


class Beat(models.Model):
    """One row that is counted up: what a secondary shows of it tells how far behind it is."""

    THE_ONE = 1

    number = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("beat")
        verbose_name_plural = _("beats")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)
