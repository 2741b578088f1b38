"""Orders, their lines and their money."""

from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import gettext_noop as _noop

from ecommerce.audit.parts import Invariant, Rule, Violations, aggregate_of, differ, violations
from orders.models import Order, OrderItem
from users.models import WalletTransaction


def _totals_that_do_not_add_up() -> Violations:
    return violations(
        Order.objects.exclude(total=F("subtotal") - F("discount")),
        _noop(
            "order %(number)s: its total is %(total)s won, subtotal %(subtotal)s less discount"
            " %(discount)s"
        ),
        *("number", "total", "subtotal", "discount"),
    )


def _subtotals_unlike_their_lines() -> Violations:
    lines = OrderItem.objects.filter(order=OuterRef("pk"))
    return violations(
        Order.objects.annotate(lines=aggregate_of(lines, "order", Sum("line_total"))).filter(
            differ("lines", "subtotal")
        ),
        _noop("order %(number)s: its subtotal is %(subtotal)s won, its lines add up to %(lines)s"),
        *("number", "subtotal", "lines"),
    )


def _lines_that_do_not_add_up() -> Violations:
    return violations(
        OrderItem.objects.exclude(line_total=F("unit_price") * F("quantity")),
        _noop(
            "order %(order__number)s: its line %(pk)s is %(line_total)s won, %(quantity)s at"
            " %(unit_price)s"
        ),
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
        _noop(
            "order %(number)s of member %(user_id)s: it has %(entries)s payments in the ledger,"
            " not one"
        ),
        *("number", "user_id", "entries"),
    )


def _orders_without_their_refund() -> Violations:
    kept = Q(status=Order.Status.PAID, entries=0) | Q(status=Order.Status.CANCELLED, entries=1)
    return violations(
        _orders_with_their_entries("refund").filter(~kept),
        _noop(
            "order %(number)s of member %(user_id)s: it is %(status)s"
            " and has %(entries)s refunds in the ledger"
        ),
        *("number", "user_id", "status", "entries"),
    )


WRONG_PAYMENT = _noop(
    "order %(number)s of member %(user_id)s, %(total)s won: its payment is %(amount)s"
    " in the wallet of member %(wallet_user)s"
)
WRONG_REFUND = _noop(
    "order %(number)s of member %(user_id)s, %(total)s won: its refund is %(amount)s"
    " in the wallet of member %(wallet_user)s"
)


def _wrong_entries(kind: str, sign: int, sentence: str) -> Rule:
    def rule() -> Violations:
        right = Q(amount=F("total") * sign, wallet_user=F("user_id"))
        return violations(
            _orders_with_their_entries(kind).filter(~right, entries__gte=1),
            sentence,
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
        _noop(
            "ledger entry %(pk)s in wallet %(wallet_id)s: a %(kind)s of %(amount)s won for order"
            " %(reference)s,"
            " which does not exist"
        ),
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
        _wrong_entries("payment", -1, WRONG_PAYMENT),
        _orders_without_their_refund,
        _wrong_entries("refund", 1, WRONG_REFUND),
        _entries_of_no_order,
    ),
)
