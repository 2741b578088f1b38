"""A campaign in one sentence, as staff and members would say it."""

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from coupons.models import Coupon


def describe(coupon: Coupon) -> str:
    """What the campaign gives, on what, how often, from when until when, and for how long.

    The one place where this is said: the form shows it while it is filled in, and the campaign's
    page afterwards.
    """
    parts = [_discount(coupon)]
    if coupon.max_discount is not None:
        parts.append(_("at most %(amount)s won") % {"amount": f"{coupon.max_discount:,}"})
    if coupon.min_order_amount:
        parts.append(
            _("on orders from %(amount)s won") % {"amount": f"{coupon.min_order_amount:,}"}
        )
    parts.append(
        ngettext("%(count)s coupon", "%(count)s coupons", coupon.total_quantity)
        % {"count": f"{coupon.total_quantity:,}"}
    )
    parts.append(
        _("from %(start)s until %(end)s")
        % {"start": _moment(coupon.issue_starts_at), "end": _moment(coupon.issue_ends_at)}
    )
    parts.append(
        ngettext("valid %(count)s day", "valid %(count)s days", coupon.valid_days)
        % {"count": f"{coupon.valid_days:,}"}
    )
    sentence = ", ".join(parts) + "."
    if coupon.issue_ends_at <= timezone.now():
        sentence += " " + _("It is over: nothing is issued any more.")
    return sentence


def _discount(coupon: Coupon) -> str:
    if coupon.discount_type == Coupon.DiscountType.PERCENT:
        return _("%(percent)s %% off") % {"percent": coupon.discount_value}
    return _("%(amount)s won off") % {"amount": f"{coupon.discount_value:,}"}


def _moment(value: object) -> str:
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")  # type: ignore[arg-type]
