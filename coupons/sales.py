"""How the sale of a campaign goes: how much it had issued at any moment, by index alone.

Issue numbers are 1 to n in the order of time. So what was issued in between is a difference of two
numbers, each found by one look-up, and no coupon is counted however many there are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Case, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from coupons.models import Coupon, IssuedCoupon


def boundaries(now: datetime, *, step: timedelta, count: int) -> list[datetime]:
    """The ends of `count` whole steps up to the one that `now` is in, and the start of the first.

    Steps begin at whole multiples of themselves, so that the next call counts the same ones.
    """
    since_epoch = timedelta(seconds=now.timestamp())
    end = now - since_epoch % step + step
    return [end - step * back for back in range(count, -1, -1)]


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


def open_campaigns(now: datetime, *, moments: Sequence[datetime], limit: int) -> list[Any]:
    """The campaigns that are open at `now`, with `last_issued_at`; who issued last comes first.

    Each also has the progress of the running sale, that is of the campaign whose coupon was the
    last to be issued: of the first one, if it is open.
    """
    last = IssuedCoupon.objects.filter(
        coupon=OuterRef("pk"), issue_number=OuterRef("issued_quantity")
    )
    running = IssuedCoupon.objects.order_by("-id").values("coupon")[:1]
    campaigns = Coupon.objects.filter(issue_ends_at__gt=now, issue_starts_at__lte=now).annotate(
        last_issued_at=Subquery(last.values("issued_at")[:1]), is_running=_is(running)
    )
    return list(
        with_progress(campaigns, moments, of=Subquery(running)).order_by(
            F("last_issued_at").desc(nulls_last=True), "-issue_starts_at", "-id"
        )[:limit]
    )


def _is(campaign: "QuerySet[Any, Any]") -> Case:
    return Case(When(pk=Subquery(campaign), then=Value(True)), default=Value(False))
