"""Used coupons and the orders that they are on."""

from typing import Any

from django.db.models import BigIntegerField, Case, Count, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Cast, Coalesce, Least
from django.utils.translation import gettext_noop as _noop

from coupons.models import Coupon, IssuedCoupon
from ecommerce.audit.parts import Invariant, Violations, aggregate_of, differ, violations
from orders.models import Order


def _paid_with_a_coupon() -> "QuerySet[Any]":
    return Order.objects.filter(coupon__isnull=False, status=Order.Status.PAID)


def _with_their_paid_orders(coupons: "QuerySet[Any]") -> "QuerySet[Any]":
    """Coupons with how many paid orders they are on: to be told, never to be searched by.

    MySQL looks through all orders for each coupon when few orders have one, for it then thinks
    nothing of the index.
    """
    orders = _paid_with_a_coupon().filter(coupon=OuterRef("pk"))
    counted: QuerySet[Any] = coupons.annotate(
        paid_orders=aggregate_of(orders, "coupon", Count("pk"))
    )
    return counted


def _used_coupons_on_no_order() -> Violations:
    by_coupon = _paid_with_a_coupon().order_by().values("coupon").annotate(orders=Count("pk"))
    once = by_coupon.filter(orders=1).values("coupon")
    used = IssuedCoupon.objects.filter(used_at__isnull=False)
    return violations(
        _with_their_paid_orders(used.exclude(pk__in=once)),
        _noop(
            "issued coupon %(pk)s of member %(user_id)s: it is used, and on %(paid_orders)s paid"
            " orders"
            " instead of one"
        ),
        *("pk", "user_id", "paid_orders"),
    )


def _unused_coupons_on_an_order() -> Violations:
    on_an_order = _paid_with_a_coupon().order_by().values("coupon")
    return violations(
        _with_their_paid_orders(IssuedCoupon.objects.filter(used_at=None, pk__in=on_an_order)),
        _noop(
            "issued coupon %(pk)s of member %(user_id)s: it is not used, yet on %(paid_orders)s"
            " paid orders"
        ),
        *("pk", "user_id", "paid_orders"),
    )


def _orders_with_anothers_coupon() -> Violations:
    return violations(
        Order.objects.filter(coupon__isnull=False).exclude(coupon__user=F("user")),
        _noop(
            "order %(number)s of member %(user_id)s: its coupon %(coupon_id)s is member"
            " %(coupon__user)s's"
        ),
        *("number", "user_id", "coupon_id", "coupon__user"),
    )


def _discounts_unlike_their_coupons_terms() -> Violations:
    subtotal, value = F("subtotal"), F("coupon__discount_value")
    hundredfold = subtotal * value
    rounded_down = Cast((hundredfold - hundredfold % 100) / 100, BigIntegerField())
    promised = Case(
        When(
            coupon__discount_type=Coupon.DiscountType.PERCENT,
            then=Least(rounded_down, Coalesce("coupon__max_discount", subtotal)),
        ),
        default=Least(value, subtotal),
        output_field=BigIntegerField(),
    )
    return violations(
        # Coupons that are older than their terms may have been used on other terms than today's.
        _paid_with_a_coupon()
        .filter(coupon__discount_type__isnull=False)
        .annotate(promised=promised)
        .filter(differ("promised", "discount") | Q(subtotal__lt=F("coupon__min_order_amount"))),
        _noop(
            "order %(number)s: its discount on %(subtotal)s won is %(discount)s, its coupon"
            " %(coupon_id)s"
            " promises %(promised)s from %(coupon__min_order_amount)s won on"
        ),
        *("number", "subtotal", "discount", "coupon_id", "promised", "coupon__min_order_amount"),
    )


def _redemptions_unlike_their_orders() -> Violations:
    sound = (
        Q(coupon=None, redeemed_coupon=None)
        | Q(
            status=Order.Status.PAID,
            coupon__isnull=False,
            redeemed_coupon__isnull=False,
            redeemed_coupon=F("coupon"),
        )
        | Q(status=Order.Status.CANCELLED, redeemed_coupon=None)
    )
    return violations(
        Order.objects.filter(~sound),
        _noop(
            "order %(number)s: it is %(status)s, with coupon %(coupon_id)s and redeemed coupon"
            " %(redeemed_coupon_id)s"
        ),
        *("number", "status", "coupon_id", "redeemed_coupon_id"),
    )


USED_COUPONS = Invariant(
    "each used coupon is on exactly one paid order, of the same member, which got what it promised",
    IssuedCoupon,
    (
        _used_coupons_on_no_order,
        _unused_coupons_on_an_order,
        _orders_with_anothers_coupon,
        _discounts_unlike_their_coupons_terms,
        _redemptions_unlike_their_orders,
    ),
)
