"""What a campaign or a coupon may refuse."""

from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Protocol

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError, ErrorItem


class Held(Protocol):
    """A coupon that a member has, or will have when the batch is saved."""

    pk: int


class CouponSoldOut(DomainError):
    """All coupons of the campaign are issued."""

    code = "coupon_sold_out"
    message = _("All of these coupons are gone.")


class CouponAlreadyIssued(DomainError):
    """The member has a coupon of this campaign. The answer has its id."""

    code = "coupon_already_issued"
    message = _("You already have this coupon.")
    names_what = True

    def __init__(self, held: Held) -> None:
        super().__init__()
        self._held = held

    @property
    def items(self) -> tuple[ErrorItem, ...]:
        # Asked only now: a coupon that is issued in the same batch has its id by the end of it.
        return (replace(self._items[0], id=self._held.pk),)


class CouponNotOpen(DomainError):
    """The campaign issues nothing at this time; `retry_after` says when it will, if it will."""

    code = "coupon_not_open"
    message = _("This coupon is not being issued now.")
    says_when = True

    def __init__(self, *, opens_at: datetime | None = None, now: datetime | None = None) -> None:
        super().__init__()
        if opens_at and now and opens_at > now:
            self.retry_after = ceil((opens_at - now).total_seconds())


class CouponWasIssued(DomainError):
    """The campaign is to be deleted, and somebody has a coupon of it."""

    code = "coupon_was_issued"
    message = _("Somebody has a coupon of this campaign already: close it instead.")


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
