"""What this process remembers of campaigns that have nothing left.

Thousands come too late, and none of them needs the campaign's lock to be told so. Each process
remembers by itself, for `SOLD_OUT_MEMORY_SECONDS`: that long after the total was raised, and no
longer, somebody may still be told that all are gone.
"""

from django.conf import settings

from common.remembered import Memory

_memory: Memory[int, bool] = Memory(seconds=lambda: settings.SOLD_OUT_MEMORY_SECONDS)


def remember(coupon_id: int, *, seen_at: float) -> None:
    """Remember that a campaign had nothing left when it was seen under its lock, by `clock`."""
    _memory.keep(coupon_id, True, asked_at=seen_at)


def is_remembered(coupon_id: int) -> bool:
    """Whether the campaign had nothing left a moment ago."""
    return _memory.get(coupon_id) is not None


def forget(coupon_id: int) -> None:
    """Ask the database again: the campaign was changed, in this process."""
    _memory.forget(coupon_id)
