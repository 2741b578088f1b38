"""A sound shop to break: a bit of everything has happened in it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from conftest import client_of
from coupons.models import Coupon, IssuedCoupon
from orders.models import Order, OrderItem
from products.models import Product
from users.models import User, WalletTransaction

Break = Callable[["Shop"], object]
"""A write that services never do."""


@dataclass(frozen=True)
class Shop:
    """Two cups and a mug sold with a coupon for 4,000 won; a cup sold and cancelled."""

    buyer: User
    other: User
    stranger: User
    cup: Product
    mug: Product
    campaign: Coupon
    used: int
    """The buyer's coupon; `unused` is the other's."""
    unused: int
    paid: dict[str, Any]
    cancelled: dict[str, Any]

    def coupon_used(self) -> "QuerySet[IssuedCoupon]":
        return IssuedCoupon.objects.filter(pk=self.used)

    def paid_rows(self) -> "QuerySet[Order]":
        return Order.objects.filter(pk=self.paid["id"])

    def payments(self) -> "QuerySet[WalletTransaction]":
        """Of the paid order."""
        return WalletTransaction.objects.filter(kind="payment", reference=self.paid["number"])

    def refunds(self) -> "QuerySet[WalletTransaction]":
        """Of the cancelled order."""
        return WalletTransaction.objects.filter(kind="refund", reference=self.cancelled["number"])

    def third_coupon(self, *, issue_number: int) -> IssuedCoupon:
        """One more of the campaign, for who has none, which it does not count."""
        now = timezone.now()
        return IssuedCoupon.objects.create(
            coupon=self.campaign,
            user=self.stranger,
            issue_number=issue_number,
            issued_at=now,
            expires_at=now + timedelta(days=1),
        )

    def names(self) -> dict[str, Any]:
        """What the expected lines call things."""
        return {
            "buyer": self.buyer.pk,
            "other": self.other.pk,
            "stranger": self.stranger.pk,
            "wallet": self.buyer.wallet.pk,
            "others_wallet": self.other.wallet.pk,
            "cup": self.cup.pk,
            "mug": self.mug.pk,
            "campaign": self.campaign.pk,
            "used": self.used,
            "unused": self.unused,
            "paid": self.paid["number"],
            "cancelled": self.cancelled["number"],
            "payment": WalletTransaction.objects.get(kind="payment", amount=-4_000).pk,
            "line": OrderItem.objects.get(order=self.paid["id"], product=self.mug).pk,
            "today": self.paid_rows().get().day.isoformat(),
        }


def send(user: User, path: str, body: Any = None) -> Any:
    """Have a POST below /api/v1/ by `user` succeed; its answer."""
    answer = client_of(user).post(f"/api/v1/{path}", body)
    assert answer.status_code < 300, answer.json()
    return answer.json()


def one_of(product: Product) -> dict[str, Any]:
    return {"items": [{"product": product.pk, "quantity": 1}]}
