"""New campaigns, with the coupons that they have issued so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from coupons.models import Coupon, IssuedCoupon
from ecommerce.seeding.rows import insert_rows


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """A campaign to be, with the members who got its coupons, in that order. Its name is its own.

    Its coupons were issued one by one, evenly between its start and its end, or `now` when it has
    not ended.
    """

    name: str
    discount_type: str
    discount_value: int
    total_quantity: int
    starts: datetime
    ends: datetime
    max_discount: int | None = None
    min_order_amount: int = 0
    holders: Sequence[int] = ()


def insert_campaigns(campaigns: Sequence[NewCampaign], now: datetime) -> dict[str, int]:
    """Insert campaigns and their issued coupons; ids by name. Needs an open transaction."""
    newest = Coupon.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert_rows(
        Coupon,
        (
            *("name", "discount_type", "discount_value", "max_discount", "min_order_amount"),
            *("total_quantity", "issued_quantity", "issue_starts_at", "issue_ends_at"),
            "created_at",
        ),
        [
            (
                *(c.name, c.discount_type, c.discount_value, c.max_discount, c.min_order_amount),
                *(c.total_quantity, len(c.holders), c.starts, c.ends),
                min(c.starts, now),
            )
            for c in campaigns
        ],
    )
    names = [campaign.name for campaign in campaigns]
    ids = dict(Coupon.objects.filter(pk__gt=newest, name__in=names).values_list("name", "pk"))
    insert_rows(
        IssuedCoupon,
        (
            *("coupon_id", "user_id", "issue_number", "issued_at", "expires_at"),
            *("discount_type", "discount_value", "max_discount", "min_order_amount"),
        ),
        [row for campaign in campaigns for row in _issued(campaign, ids[campaign.name], now)],
    )
    return ids


def _issued(campaign: NewCampaign, campaign_id: int, now: datetime) -> list[tuple[Any, ...]]:
    valid = timedelta(days=Coupon._meta.get_field("valid_days").get_default())
    terms = (
        *(campaign.discount_type, campaign.discount_value),
        *(campaign.max_discount, campaign.min_order_amount),
    )
    step = (min(campaign.ends, now) - campaign.starts) / (len(campaign.holders) + 1)
    return [
        (
            *(campaign_id, user_id, number),
            campaign.starts + number * step,
            campaign.starts + number * step + valid,
            *terms,
        )
        for number, user_id in enumerate(campaign.holders, start=1)
    ]
