"""What a campaign or a coupon may refuse."""

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError


class CouponSoldOut(DomainError):
    """All coupons of the campaign are issued."""

    code = "coupon_sold_out"
    message = _("All of these coupons are gone.")


class CouponAlreadyIssued(DomainError):
    """The member has a coupon of this campaign."""

    code = "coupon_already_issued"
    message = _("You already have this coupon.")


class CouponNotOpen(DomainError):
    """The campaign issues nothing at this time."""

    code = "coupon_not_open"
    message = _("This coupon is not being issued now.")


class CouponIsOpen(DomainError):
    """The campaign is to be opened, and is open."""

    code = "coupon_is_open"
    message = _("This coupon is being issued already.")


class CouponNotUsable(DomainError):
    """The coupon is used, expired or revoked, or the order is below its minimum."""

    code = "coupon_not_usable"
    message = _("This coupon cannot be used for this order.")


class TotalBelowIssued(DomainError):
    """A campaign's total would be below what it has issued."""

    code = "total_below_issued"
    message = _("More than that are issued already.")
