"""What events say of campaigns. They are about the campaign, so they keep the order of issue."""

from collections.abc import Iterable

from coupons.models import Coupon, IssuedCoupon
from events.services import Facts, as_json


def facts_of_issued(coupon: Coupon, issued: Iterable[IssuedCoupon]) -> Facts:
    """Of each coupon that was issued at one moment what its member sees, and who that is.

    Written as JSON here, what all have in common once: members wait for the campaign meanwhile.
    """
    about, common = f"coupon:{coupon.pk}", ""
    for one in issued:
        if not common:
            moments = {"issued_at": one.issued_at, "expires_at": one.expires_at}
            common = as_json(moments).removeprefix("{")
        yield (
            about,
            f'{{"id":{one.pk},"coupon":{coupon.pk},"member":{one.user_id},'
            f'"issue_number":{one.issue_number},{common}',
        )


def facts_of_sold_out(coupon: Coupon) -> Facts:
    """Of a campaign that nothing is left of; nothing of one that something is left of."""
    if coupon.remaining_quantity <= 0:
        yield (
            f"coupon:{coupon.pk}",
            {
                "coupon": coupon.pk,
                "name": coupon.name,
                "total_quantity": coupon.total_quantity,
                "issue_ends_at": coupon.issue_ends_at,
            },
        )
