"""What this process remembers of campaigns that have nothing left.

Thousands come too late, and none of them needs the campaign's lock to be told so. Each process
remembers by itself, for `SOLD_OUT_MEMORY_SECONDS`: that long after the total was raised, and no
longer, somebody may still be told that all are gone.
"""

import time
from math import inf

from django.conf import settings
from django.db import connection

_until: dict[int, float] = {}
"""By campaign, the moment (monotonic seconds) from which on the database is asked again."""

_forgotten_at: dict[int, float] = {}
"""By campaign, when it was last changed in this process: what was seen before is of no use."""


def clock() -> float:
    """This moment, in the seconds that the memory counts in."""
    return time.monotonic()


def remember(coupon_id: int, *, seen_at: float) -> None:
    """Remember that a campaign had nothing left when it was seen under its lock, by `clock`.

    Inside another transaction (a test's) nothing is remembered: what was seen may be undone.
    """
    if connection.in_atomic_block:
        return
    _until[coupon_id] = seen_at + settings.SOLD_OUT_MEMORY_SECONDS
    # Asked only now: a change that comes later forgets what was just written.
    if seen_at <= _forgotten_at.get(coupon_id, -inf):
        _until.pop(coupon_id, None)


def is_remembered(coupon_id: int) -> bool:
    """Whether the campaign had nothing left a moment ago."""
    until = _until.get(coupon_id)
    if until is None:
        return False
    if clock() < until:
        return True
    _until.pop(coupon_id, None)
    return False


def forget(coupon_id: int) -> None:
    """Ask the database again: the campaign was changed, in this process."""
    _forgotten_at[coupon_id] = clock()
    _until.pop(coupon_id, None)
