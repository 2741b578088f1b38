"""How the sale of a campaign goes: how much it had issued at any moment, by index alone.

Issue numbers are 1 to n in the order of time. So what was issued in between is a difference of two
numbers, each found by one look-up, and no coupon is counted however many there are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from coupons.models import Coupon, IssuedCoupon


def boundaries(now: datetime, *, step: timedelta, count: int) -> list[datetime]:
    """The ends of `count` whole steps up to the one that `now` is in, and the start of the first.

    Steps begin at whole multiples of themselves, so that the next call counts the same ones.
    """
    since_epoch = timedelta(seconds=now.timestamp())
    end = now - since_epoch % step + step
    return [end - step * back for back in range(count, -1, -1)]


def with_progress(campaigns: "QuerySet[Coupon]", moments: Sequence[datetime]) -> "QuerySet[Any]":
    """The campaigns with `last_issued_at`, and how many each had issued at each of the moments.

    `issued_by` and `issued_between` read the latter.
    """
    numbers = {
        f"issued_by_{index}": Coalesce(_latest(before=moment, column="issue_number"), 0)
        for index, moment in enumerate(moments)
    }
    return campaigns.annotate(last_issued_at=_latest(column="issued_at"), **numbers)


def issued_by(campaign: Any, count: int) -> list[int]:
    """How many a campaign `with_progress` had issued by each of the first `count` moments."""
    return [getattr(campaign, f"issued_by_{index}") for index in range(count)]


def issued_between(numbers: Sequence[int]) -> list[int]:
    """How many were issued from each moment to the next."""
    # Never negative, even when the clocks of two machines disagree.
    return [max(0, later - earlier) for earlier, later in pairwise(numbers)]


def _latest(*, column: str, before: datetime | None = None) -> Subquery:
    issued = IssuedCoupon.objects.filter(coupon=OuterRef("pk"))
    if before is not None:
        issued = issued.filter(issued_at__lt=before)
    return Subquery(issued.order_by("-issued_at", "-issue_number").values(column)[:1])


def open_campaigns(now: datetime, *, moments: Sequence[datetime], limit: int) -> list[Any]:
    """The campaigns that are open at `now`, `with_progress`; who issued last comes first."""
    campaigns = Coupon.objects.filter(issue_ends_at__gt=now, issue_starts_at__lte=now)
    return list(
        with_progress(campaigns, moments).order_by(
            F("last_issued_at").desc(nulls_last=True), "-issue_starts_at", "-id"
        )[:limit]
    )
