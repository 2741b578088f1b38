"""How the admin says numbers and moments."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

TOLD_MAX_LENGTH = 500
"""Of two long texts that differ, people need to see where."""

WON = "₩{:,}"
COUNT = "{:,}"
SIGNED = "{:+,}"


def moment(value: datetime | None) -> str:
    """A moment as the language writes it, in the shop's time."""
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if value else "–"
