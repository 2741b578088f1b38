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


STEP_SECONDS = (1, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400)
"""How long the steps of a whole sale may be; beyond that, whole days."""


def whole_sale(opened: datetime, last: datetime, *, count: int) -> tuple[list[datetime], timedelta]:
    """The boundaries of at most `count` equal steps from the opening past the last coupon.

    Returns them with how long a step is: a length that people think in.
    """
    seconds = (last - opened).total_seconds()
    # The last coupon is within a step, not at its end.
    fits = (step for step in STEP_SECONDS if seconds < step * count)
    days = int(seconds // (86_400 * count)) + 1
    step = timedelta(seconds=next(fits, days * 86_400))
    steps = (last - opened) // step + 1
    return [opened + step * index for index in range(steps + 1)], step


def with_progress(
    campaigns: "QuerySet[Coupon]", moments: Sequence[datetime], *, of: Any = None
) -> "QuerySet[Any]":
    """The campaigns, with how many of them each had issued at each of the moments.

    `issued_by` reads it. With `of`, it is how many that campaign had issued. It must be one known
    to the database beforehand, or few campaigns: for a row of many MySQL looks at all coupons.
    """
    campaign = OuterRef("pk") if of is None else of
    numbers = {
        f"issued_by_{index}": Coalesce(_last_number(campaign, before=moment), 0)
        for index, moment in enumerate(moments)
    }
    return campaigns.annotate(**numbers)


def _last_number(campaign: Any, *, before: datetime) -> Subquery:
    issued = IssuedCoupon.objects.filter(coupon=campaign, issued_at__lt=before)
    return Subquery(issued.order_by("-issued_at", "-issue_number").values("issue_number")[:1])


def issued_by(campaign: Any, count: int) -> list[int]:
    """How many were issued by each of the first `count` moments."""
    return [getattr(campaign, f"issued_by_{index}") for index in range(count)]


def issued_between(numbers: Sequence[int]) -> list[int]:
    """How many were issued from each moment to the next."""
    # Never negative, even when the clocks of two machines disagree.
    return [max(0, later - earlier) for earlier, later in pairwise(numbers)]


def open_campaigns(now: datetime, *, limit: int) -> list[Any]:
    """The campaigns that are open at `now`, with `last_issued_at`; who issued last comes first."""
    campaigns = Coupon.objects.filter(issue_ends_at__gt=now, issue_starts_at__lte=now)
    return list(
        _with_last_issued(campaigns).order_by(
            F("last_issued_at").desc(nulls_last=True), "-issue_starts_at", "-id"
        )[:limit]
    )


def selling_lately(moments: Sequence[datetime], *, limit: int) -> tuple[list[Any], int]:
    """The campaigns that issued a coupon since the first moment, with their progress.

    Open or not: who closes a sale wants to see how it went. At most `limit`, who issued last first,
    and how many more there are.
    """
    campaigns = Coupon.objects.filter(issued_quantity__gt=0)
    lately = _with_last_issued(campaigns).filter(last_issued_at__gte=moments[0])
    found = list(lately.order_by("-last_issued_at", "-id").values_list("pk", flat=True))
    if not found:
        return [], 0
    # Each campaign by its own number, or MySQL would look at all coupons.
    first, *others = (
        with_progress(Coupon.objects.filter(pk=pk).order_by(), moments, of=pk)
        for pk in found[:limit]
    )
    by_pk = {campaign.pk: campaign for campaign in first.union(*others, all=True)}
    return [by_pk[pk] for pk in found[:limit] if pk in by_pk], max(0, len(found) - limit)


def _with_last_issued(campaigns: "QuerySet[Coupon]") -> "QuerySet[Any]":
    last = IssuedCoupon.objects.filter(
        coupon=OuterRef("pk"), issue_number=OuterRef("issued_quantity")
    )
    return campaigns.annotate(last_issued_at=Subquery(last.values("issued_at")[:1]))
