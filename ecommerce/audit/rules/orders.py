"""Orders, their lines and their money."""

from typing import Any

from django.db.models import (
    Count,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)

from ecommerce.audit.parts import Invariant, Rule, Violations, aggregate_of, differ, violations
from orders.models import Order, OrderItem
from users.models import WalletTransaction


def _totals_that_do_not_add_up() -> Violations:
    return violations(
        Order.objects.exclude(total=F("subtotal") - F("discount")),
        "order {number}: its total is {total} won, subtotal {subtotal} less discount {discount}",
        *("number", "total", "subtotal", "discount"),
    )


def _subtotals_unlike_their_lines() -> Violations:
    lines = OrderItem.objects.filter(order=OuterRef("pk"))
    return violations(
        Order.objects.annotate(lines=aggregate_of(lines, "order", Sum("line_total"))).filter(
            differ("lines", "subtotal")
        ),
        "order {number}: its subtotal is {subtotal} won, its lines add up to {lines}",
        *("number", "subtotal", "lines"),
    )


def _lines_that_do_not_add_up() -> Violations:
    return violations(
        OrderItem.objects.exclude(line_total=F("unit_price") * F("quantity")),
        "order {order__number}: its line {pk} is {line_total} won, {quantity} at {unit_price}",
        *("order__number", "pk", "line_total", "quantity", "unit_price"),
    )


def _orders_with_their_entries(kind: str) -> "QuerySet[Any]":
    """Orders with how many ledger entries of the kind bear their number, and what the first is."""
    entries = WalletTransaction.objects.filter(kind=kind, reference=OuterRef("number"))
    first = entries.order_by("pk")
    return Order.objects.annotate(
        entries=aggregate_of(entries, "reference", Count("pk")),
        amount=Subquery(first.values("amount")[:1]),
        wallet_user=Subquery(first.values("wallet__user")[:1]),
    )


def _orders_without_their_payment() -> Violations:
    return violations(
        _orders_with_their_entries("payment").filter(~Q(entries=1)),
        "order {number} of member {user_id}: it has {entries} payments in the ledger, not one",
        *("number", "user_id", "entries"),
    )


def _orders_without_their_refund() -> Violations:
    kept = Q(status=Order.Status.PAID, entries=0) | Q(status=Order.Status.CANCELLED, entries=1)
    return violations(
        _orders_with_their_entries("refund").filter(~kept),
        "order {number} of member {user_id}: it is {status}"
        " and has {entries} refunds in the ledger",
        *("number", "user_id", "status", "entries"),
    )


def _wrong_entries(kind: str, sign: int) -> Rule:
    def rule() -> Violations:
        right = Q(amount=F("total") * sign, wallet_user=F("user_id"))
        return violations(
            _orders_with_their_entries(kind).filter(~right, entries__gte=1),
            "order {number} of member {user_id}, {total} won: its "
            + kind
            + " is {amount} in the wallet of member {wallet_user}",
            *("number", "user_id", "total", "amount", "wallet_user"),
        )

    rule.__name__ = f"_wrong_{kind}s"
    return rule


def _entries_of_no_order() -> Violations:
    kinds = [WalletTransaction.Kind.PAYMENT, WalletTransaction.Kind.REFUND]
    order = Order.objects.filter(number=OuterRef("reference"))
    return violations(
        WalletTransaction.objects.filter(kind__in=kinds)
        .annotate(order=Subquery(order.values("pk")[:1]))
        .filter(order=None),
        "ledger entry {pk} in wallet {wallet_id}: a {kind} of {amount} won for order {reference},"
        " which does not exist",
        *("pk", "wallet_id", "kind", "amount", "reference"),
    )


ORDERS = Invariant(
    "each order adds up and is paid once, and refunded once if it is cancelled",
    Order,
    (
        _totals_that_do_not_add_up,
        _subtotals_unlike_their_lines,
        _lines_that_do_not_add_up,
        _orders_without_their_payment,
        _wrong_entries("payment", -1),
        _orders_without_their_refund,
        _wrong_entries("refund", 1),
        _entries_of_no_order,
    ),
)
