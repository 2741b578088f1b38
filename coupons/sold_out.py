"""What this process remembers of campaigns that have nothing left.

Thousands come too late, and none of them needs the campaign's lock to be told so. Each process
remembers by itself, for `SOLD_OUT_MEMORY_SECONDS`: that long after the total was raised, and no
longer, somebody may still be told that all are gone.
"""

import time

from django.conf import settings
from django.db import connection

_until: dict[int, float] = {}
"""By campaign, the moment (monotonic seconds) from which on the database is asked again."""


def remember(coupon_id: int) -> None:
    """Remember that a campaign has nothing left, as was just seen under its lock.

    Inside another transaction (a test's) nothing is remembered: what was seen may be undone.
    """
    if not connection.in_atomic_block:
        _until[coupon_id] = time.monotonic() + settings.SOLD_OUT_MEMORY_SECONDS


def is_remembered(coupon_id: int) -> bool:
    """Whether the campaign had nothing left a moment ago."""
    until = _until.get(coupon_id)
    if until is None:
        return False
    if time.monotonic() < until:
        return True
    _until.pop(coupon_id, None)
    return False


def forget(coupon_id: int) -> None:
    """Ask the database again: the campaign was changed, in this process."""
    _until.pop(coupon_id, None)
