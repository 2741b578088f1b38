"""What events say of campaigns. They are about the campaign, so they keep the order of issue."""

from collections.abc import Iterable

from coupons.models import Coupon, IssuedCoupon
from events.services import Facts


def facts_of_issued(issued: Iterable[IssuedCoupon]) -> Facts:
    """Of each issued coupon what its member sees, and who that is."""
    for one in issued:
        yield (
            f"coupon:{one.coupon_id}",
            {
                "id": one.pk,
                "coupon": one.coupon_id,
                "member": one.user_id,
                "issue_number": one.issue_number,
                "issued_at": one.issued_at,
                "expires_at": one.expires_at,
            },
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
