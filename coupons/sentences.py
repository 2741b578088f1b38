"""A campaign in one sentence, as staff and members would say it."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.admin.text import moment
from coupons.models import Coupon, IssuedCoupon
from coupons.questions import questions_about


def describe(coupon: Coupon) -> str:
    """What the campaign gives, on what, how often, from when until when, and for how long.

    What is unusual about it is said after that. The one place where this is said: the form shows it
    while it is filled in, and the campaign's page afterwards.
    """
    parts = [describe_discount(coupon)]
    parts.append(
        ngettext("%(count)s coupon", "%(count)s coupons", coupon.total_quantity)
        % {"count": f"{coupon.total_quantity:,}"}
    )
    parts.append(
        _("from %(start)s until %(end)s")
        % {"start": moment(coupon.issue_starts_at), "end": moment(coupon.issue_ends_at)}
    )
    parts.append(
        ngettext("valid %(count)s day", "valid %(count)s days", coupon.valid_days)
        % {"count": f"{coupon.valid_days:,}"}
    )
    unusual = (text for question in questions_about(coupon) for text in question.messages)
    return " ".join([", ".join(parts) + ".", *unusual])


def describe_discount(terms: Coupon | IssuedCoupon) -> str:
    """What a campaign gives, or a coupon that was issued, and on what."""
    if terms.discount_type == Coupon.DiscountType.PERCENT:
        parts = [_("%(percent)s %% off") % {"percent": terms.discount_value}]
    else:
        parts = [_("%(amount)s won off") % {"amount": f"{terms.discount_value:,}"}]
    if terms.max_discount is not None:
        parts.append(_("at most %(amount)s won") % {"amount": f"{terms.max_discount:,}"})
    if terms.min_order_amount:
        parts.append(_("on orders from %(amount)s won") % {"amount": f"{terms.min_order_amount:,}"})
    return ", ".join(parts)
