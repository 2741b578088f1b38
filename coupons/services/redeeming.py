"""What becomes of an issued coupon: it is used, given back, or revoked."""

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common.db.fields import DB_IDS
from common.db.locks import RowLock, Waiting
from common.db.rows import save_fields
from common.db.transactions import run_transaction
from common.texts import StrOrPromise
from coupons.errors import CouponNotUsable
from coupons.models import Coupon, IssuedCoupon, discount_by

ISSUED: RowLock[IssuedCoupon] = RowLock(IssuedCoupon.objects.all)
"""Issued coupons by their ids."""


def lock_issued_coupons(
    issued_ids: Collection[int], waiting: Waiting = Waiting.LONG
) -> dict[int, IssuedCoupon]:
    """Lock the issued coupons that exist, lowest id first. Needs an open transaction.

    They have their terms with them. The campaigns of those that are older than that are read
    without a lock: theirs is the hottest row of the shop. With `Waiting.NONE`, coupons that others
    hold are left out; `ISSUED.held` tells them.
    """
    locked = ISSUED.objects([pk for pk in issued_ids if pk in DB_IDS], waiting)
    old = [issued for issued in locked.values() if issued.discount_type is None]
    campaigns = Coupon.objects.in_bulk({issued.coupon_id for issued in old}) if old else {}
    for issued in old:
        issued.coupon = campaigns[issued.coupon_id]
    return locked


def discount_with(issued: IssuedCoupon, *, subtotal: int, moment: datetime) -> int:
    """The discount, in won, that a locked coupon gives on an order of `subtotal` won at `moment`.

    Raises:
        CouponNotUsable: it is used, expired or revoked, or the subtotal is below the minimum.
    """
    status = issued.status_at(moment)
    if status != IssuedCoupon.Status.USABLE:
        raise CouponNotUsable(_is(status))
    minimum: int = issued.terms.min_order_amount
    if subtotal < minimum:
        raise CouponNotUsable(
            format_lazy(_("This coupon needs an order of at least {amount} won."), amount=minimum)
        )
    return discount_by(issued.terms, subtotal)


def _is(status: IssuedCoupon.Status) -> "StrOrPromise":
    # Lazily: the language is that of whoever is told, and another may be deciding for them.
    return format_lazy(_("This coupon is {status}."), status=status.label)


def redeem(issued: IssuedCoupon, moment: datetime) -> None:
    """Mark a locked, usable coupon as used, in memory; `save_redemptions` writes it."""
    issued.used_at = moment


def restore(issued: IssuedCoupon) -> None:
    """Make a locked, used coupon unused again, in memory, its expiry unchanged."""
    issued.used_at = None


def save_redemptions(issued: Collection[IssuedCoupon]) -> None:
    """Write when locked coupons were used, in one statement. Needs an open transaction."""
    save_fields(issued, ["used_at"])


def revoke_issued_coupon(*, issued_id: int) -> IssuedCoupon:
    """Revoke an unused coupon. Its row and number stay, and nothing is freed.

    Raises:
        CouponNotUsable: it is used, or revoked already.
        IssuedCoupon.DoesNotExist: there is no such coupon.
    """
    locked = IssuedCoupon.objects.select_for_update().filter(pk=issued_id)

    def work() -> IssuedCoupon:
        issued = locked.get()
        if issued.used_at is not None or issued.revoked_at is not None:
            raise CouponNotUsable(_is(issued.status))
        issued.revoked_at = timezone.now()
        issued.save(update_fields=["revoked_at"])
        return issued

    return run_transaction(work, find_again=locked.exclude(revoked_at=None).first)
