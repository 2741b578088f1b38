"""The shop's invariants, checked against the database itself.

Each rule is a query for the rows that break it, so a sound shop of any size answers with next to
nothing: the comparing is the database's work, not this process's memory.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Cast, Coalesce, Least

from common.db.transactions import run_transaction
from common.errors import DomainError
from coupons.models import Coupon, IssuedCoupon
from ecommerce.backoffice.daily_totals import close_days
from ecommerce.models import TEXT_MAX, AuditRun, ClosedDay
from orders.models import Order, OrderItem
from products.models import Product, StockAdjustment
from stats.models import DailyProductSales
from users.models import Wallet, WalletTransaction

logger = structlog.get_logger(__name__)

SHOWN = 20
"""How many violations of one rule are described; the others are counted."""


@dataclass(frozen=True, slots=True)
class Violations:
    """The rows that break a rule: the first of them in words, and how many there are."""

    shown: list[str]
    total: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check of one invariant found."""

    invariant: str
    subject: str
    """What it is about, in the plural."""
    checked: int
    """How many of them there are."""
    seconds: float
    violations: list[str]
    """The first `SHOWN` of each rule, each in words a person can act on."""
    violation_count: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit found, one finding for each invariant."""

    findings: list[Finding]

    @property
    def violation_count(self) -> int:
        return sum(finding.violation_count for finding in self.findings)

    @property
    def is_clean(self) -> bool:
        return self.violation_count == 0


Rule = Callable[[], Violations]


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must always hold, with the rules that make it up."""

    name: str
    subject: type[Wallet | Coupon | Product | Order | IssuedCoupon | DailyProductSales | ClosedDay]
    rules: tuple[Rule, ...]


def run_audit(on_finding: Callable[[Finding], object] = lambda finding: None) -> AuditReport:
    """Check every invariant in one consistent snapshot, without holding up any seller.

    `on_finding` is called as each invariant is done. Inside a transaction the audit sees what
    that transaction sees.
    """
    findings = []
    with consistent_snapshot():
        for invariant in INVARIANTS:
            finding = _check(invariant)
            findings.append(finding)
            on_finding(finding)
    return AuditReport(findings)


def keep_result(report: AuditReport, *, started_at: datetime) -> AuditRun | None:
    """Keep what an audit that `started_at` found, for the admin's dashboard, and close days.

    Returns None when it could not be written, which the log then says: the verdict stands without.
    """
    lines = [
        f"{finding.subject}: {violation}"
        for finding in report.findings
        for violation in finding.violations
    ]
    run = AuditRun(
        started_at=started_at,
        seconds=round(sum(finding.seconds for finding in report.findings), 3),
        violation_count=report.violation_count,
        text="\n".join(lines)[:TEXT_MAX],
    )

    def work(settle: bool) -> AuditRun:
        same = AuditRun.objects.filter(started_at=run.started_at, seconds=run.seconds)
        if settle and (kept := same.first()):
            return kept
        run.pk = None
        run.save(force_insert=True)
        return run

    try:
        kept = run_transaction(work)
        close_days()
        return kept
    except (DomainError, DatabaseError) as error:
        logger.warning("audit_result_not_kept", error=repr(error))
        return None


def _check(invariant: Invariant) -> Finding:
    started = monotonic()
    checked = invariant.subject._default_manager.count()
    broken = [rule() for rule in invariant.rules]
    return Finding(
        invariant=invariant.name,
        subject=str(invariant.subject._meta.verbose_name_plural),
        checked=checked,
        seconds=monotonic() - started,
        violations=[line for violations in broken for line in violations.shown],
        violation_count=sum(violations.total for violations in broken),
    )


# --- The snapshot -------------------------------------------------------------------------------


@contextmanager
def consistent_snapshot() -> Iterator[None]:
    """All reads within see one moment, and hold up no writer.

    Django has no such transaction: its own would be READ COMMITTED on MySQL, where each statement
    sees a moment of its own, and would take the only write lock on SQLite.
    """
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # of the next only
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        else:
            cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


# --- What rules are made of ---------------------------------------------------------------------


def _violations(rows: "QuerySet[Any]", sentence: str, *fields: str) -> Violations:
    """The `rows` that break a rule, each told by `sentence`, a format of the row's `fields`."""
    rows = rows.order_by("pk").values(*fields)
    first = list(rows[: SHOWN + 1])
    total = len(first) if len(first) <= SHOWN else rows.count()
    return Violations([sentence.format_map(row) for row in first[:SHOWN]], total)


def _aggregate_of(rows: "QuerySet[Any]", key: str, aggregate: Sum | Count) -> Coalesce:
    """An aggregate of other rows of the same `key`, 0 for none, to annotate the outer row with."""
    grouped = rows.order_by().values(key).annotate(aggregate=aggregate).values("aggregate")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), 0)


def _differ(one: str, other: str) -> Q:
    return ~Q(**{one: F(other)})


# --- 1. Wallets ---------------------------------------------------------------------------------


def _balances_unlike_their_ledger() -> Violations:
    entries = WalletTransaction.objects.filter(wallet=OuterRef("pk"))
    return _violations(
        Wallet.objects.annotate(ledger=_aggregate_of(entries, "wallet", Sum("amount"))).filter(
            _differ("ledger", "balance")
        ),
        "wallet {pk} of member {user_id}: its balance is {balance} won,"
        " its ledger adds up to {ledger}",
        *("pk", "user_id", "balance", "ledger"),
    )


def _balances_unlike_their_last_entry() -> Violations:
    entries = WalletTransaction.objects.filter(wallet=OuterRef("pk")).order_by("-pk")
    last = Coalesce(Subquery(entries.values("balance_after")[:1]), 0)
    return _violations(
        Wallet.objects.annotate(last=last).filter(_differ("last", "balance")),
        "wallet {pk} of member {user_id}: its balance is {balance} won,"
        " {last} after the last entry of its ledger",
        *("pk", "user_id", "balance", "last"),
    )


def _negative_balances() -> Violations:
    return _violations(
        Wallet.objects.filter(balance__lt=0),
        "wallet {pk} of member {user_id}: its balance is negative, {balance} won",
        *("pk", "user_id", "balance"),
    )


# --- 2. Campaigns -------------------------------------------------------------------------------


def _campaigns_with_their_issued() -> "QuerySet[Any]":
    return Coupon.objects.annotate(
        rows=Count("issued"),
        lowest=Min("issued__issue_number"),
        highest=Max("issued__issue_number"),
        numbers=Count("issued__issue_number", distinct=True),
        holders=Count("issued__user", distinct=True),
    )


def _issued_quantities_unlike_their_coupons() -> Violations:
    return _violations(
        _campaigns_with_their_issued().filter(_differ("rows", "issued_quantity")),
        "coupon {pk}: its issued quantity is {issued_quantity}, it has {rows} issued coupons",
        *("pk", "issued_quantity", "rows"),
    )


def _campaigns_that_issued_too_many() -> Violations:
    return _violations(
        _campaigns_with_their_issued().filter(
            Q(issued_quantity__gt=F("total_quantity")) | Q(rows__gt=F("total_quantity"))
        ),
        "coupon {pk}: it issued {rows} coupons (issued quantity {issued_quantity})"
        " of {total_quantity} in total",
        *("pk", "rows", "issued_quantity", "total_quantity"),
    )


def _issue_numbers_with_gaps() -> Violations:
    sound = Q(lowest=1, highest=F("rows"), numbers=F("rows"))
    return _violations(
        _campaigns_with_their_issued().filter(~sound, rows__gt=0),
        "coupon {pk}: its {rows} issued coupons bear {numbers} numbers from {lowest} to {highest},"
        " not 1 to {rows}",
        *("pk", "rows", "numbers", "lowest", "highest"),
    )


def _members_with_two_of_a_campaign() -> Violations:
    return _violations(
        _campaigns_with_their_issued().filter(_differ("holders", "rows")),
        "coupon {pk}: its {rows} issued coupons belong to {holders} members",
        *("pk", "rows", "holders"),
    )


# --- 3. Stock -----------------------------------------------------------------------------------


def _stock_unlike_its_history() -> Violations:
    adjustments = StockAdjustment.objects.filter(product=OuterRef("pk"))
    lines = OrderItem.objects.filter(product=OuterRef("pk"), order__status=Order.Status.PAID)
    return _violations(
        Product.objects.annotate(
            adjusted=_aggregate_of(adjustments, "product", Sum("quantity")),
            sold=_aggregate_of(lines, "product", Sum("quantity")),
            expected=F("adjusted") - F("sold"),
        ).filter(_differ("expected", "stock")),
        "product {pk}: its stock is {stock}; adjustments of {adjusted} less {sold} sold"
        " and not cancelled make {expected}",
        *("pk", "stock", "adjusted", "sold", "expected"),
    )


def _negative_stock() -> Violations:
    return _violations(
        Product.objects.filter(stock__lt=0),
        "product {pk}: its stock is negative, {stock}",
        *("pk", "stock"),
    )


# --- 4. Orders and their money ------------------------------------------------------------------


def _totals_that_do_not_add_up() -> Violations:
    return _violations(
        Order.objects.exclude(total=F("subtotal") - F("discount")),
        "order {number}: its total is {total} won, subtotal {subtotal} less discount {discount}",
        *("number", "total", "subtotal", "discount"),
    )


def _subtotals_unlike_their_lines() -> Violations:
    lines = OrderItem.objects.filter(order=OuterRef("pk"))
    return _violations(
        Order.objects.annotate(lines=_aggregate_of(lines, "order", Sum("line_total"))).filter(
            _differ("lines", "subtotal")
        ),
        "order {number}: its subtotal is {subtotal} won, its lines add up to {lines}",
        *("number", "subtotal", "lines"),
    )


def _lines_that_do_not_add_up() -> Violations:
    return _violations(
        OrderItem.objects.exclude(line_total=F("unit_price") * F("quantity")),
        "order {order__number}: its line {pk} is {line_total} won, {quantity} at {unit_price}",
        *("order__number", "pk", "line_total", "quantity", "unit_price"),
    )


def _orders_with_their_entries(kind: str) -> "QuerySet[Any]":
    """Orders with how many ledger entries of the kind bear their number, and what the first is."""
    entries = WalletTransaction.objects.filter(kind=kind, reference=OuterRef("number"))
    first = entries.order_by("pk")
    return Order.objects.annotate(
        entries=_aggregate_of(entries, "reference", Count("pk")),
        amount=Subquery(first.values("amount")[:1]),
        wallet_user=Subquery(first.values("wallet__user")[:1]),
    )


def _orders_without_their_payment() -> Violations:
    return _violations(
        _orders_with_their_entries("payment").filter(~Q(entries=1)),
        "order {number} of member {user_id}: it has {entries} payments in the ledger, not one",
        *("number", "user_id", "entries"),
    )


def _orders_without_their_refund() -> Violations:
    kept = Q(status=Order.Status.PAID, entries=0) | Q(status=Order.Status.CANCELLED, entries=1)
    return _violations(
        _orders_with_their_entries("refund").filter(~kept),
        "order {number} of member {user_id}: it is {status}"
        " and has {entries} refunds in the ledger",
        *("number", "user_id", "status", "entries"),
    )


def _wrong_entries(kind: str, sign: int) -> Rule:
    def rule() -> Violations:
        right = Q(amount=F("total") * sign, wallet_user=F("user_id"))
        return _violations(
            _orders_with_their_entries(kind).filter(~right, entries__gte=1),
            "order {number} of member {user_id}, {total} won: its "
            + kind
            + " is {amount} in the wallet of member {wallet_user}",
            *("number", "user_id", "total", "amount", "wallet_user"),
        )

    return rule


def _entries_of_no_order() -> Violations:
    kinds = [WalletTransaction.Kind.PAYMENT, WalletTransaction.Kind.REFUND]
    order = Order.objects.filter(number=OuterRef("reference"))
    return _violations(
        WalletTransaction.objects.filter(kind__in=kinds)
        .annotate(order=Subquery(order.values("pk")[:1]))
        .filter(order=None),
        "ledger entry {pk} in wallet {wallet_id}: a {kind} of {amount} won for order {reference},"
        " which does not exist",
        *("pk", "wallet_id", "kind", "amount", "reference"),
    )


# --- 5. Used coupons ----------------------------------------------------------------------------


def _paid_with_a_coupon() -> "QuerySet[Any]":
    return Order.objects.filter(coupon__isnull=False, status=Order.Status.PAID)


def _with_their_paid_orders(coupons: "QuerySet[Any]") -> "QuerySet[Any]":
    """Coupons with how many paid orders they are on: to be told, never to be searched by.

    MySQL looks through all orders for each coupon when few orders have one, for it then thinks
    nothing of the index.
    """
    orders = _paid_with_a_coupon().filter(coupon=OuterRef("pk"))
    counted: QuerySet[Any] = coupons.annotate(
        paid_orders=_aggregate_of(orders, "coupon", Count("pk"))
    )
    return counted


def _used_coupons_on_no_order() -> Violations:
    by_coupon = _paid_with_a_coupon().order_by().values("coupon").annotate(orders=Count("pk"))
    once = by_coupon.filter(orders=1).values("coupon")
    used = IssuedCoupon.objects.filter(used_at__isnull=False)
    return _violations(
        _with_their_paid_orders(used.exclude(pk__in=once)),
        "issued coupon {pk} of member {user_id}: it is used, and on {paid_orders} paid orders"
        " instead of one",
        *("pk", "user_id", "paid_orders"),
    )


def _unused_coupons_on_an_order() -> Violations:
    on_an_order = _paid_with_a_coupon().order_by().values("coupon")
    return _violations(
        _with_their_paid_orders(IssuedCoupon.objects.filter(used_at=None, pk__in=on_an_order)),
        "issued coupon {pk} of member {user_id}: it is not used, yet on {paid_orders} paid orders",
        *("pk", "user_id", "paid_orders"),
    )


def _orders_with_anothers_coupon() -> Violations:
    return _violations(
        Order.objects.filter(coupon__isnull=False).exclude(coupon__user=F("user")),
        "order {number} of member {user_id}: its coupon {coupon_id} is member {coupon__user}'s",
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
    return _violations(
        # Coupons that are older than their terms may have been used on other terms than today's.
        _paid_with_a_coupon()
        .filter(coupon__discount_type__isnull=False)
        .annotate(promised=promised)
        .filter(_differ("promised", "discount") | Q(subtotal__lt=F("coupon__min_order_amount"))),
        "order {number}: its discount on {subtotal} won is {discount}, its coupon {coupon_id}"
        " promises {promised} from {coupon__min_order_amount} won on",
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
    return _violations(
        Order.objects.filter(~sound),
        "order {number}: it is {status}, with coupon {coupon_id} and redeemed coupon"
        " {redeemed_coupon_id}",
        *("number", "status", "coupon_id", "redeemed_coupon_id"),
    )


# --- 6. Daily sales -----------------------------------------------------------------------------

# Day by day, each side summed once: the ORM could only ask for each row's lines again and again.
SALES_OF_A_DAY_UNLIKE_ITS_ORDERS = """
    SELECT product_id, SUM(kept), SUM(kept_won), SUM(sold), SUM(sold_won), COUNT(*) OVER ()
    FROM (
        SELECT product_id, quantity AS kept, revenue AS kept_won, 0 AS sold, 0 AS sold_won
        FROM stats_dailyproductsales WHERE day = %s
        UNION ALL
        SELECT line.product_id, 0, 0, line.quantity, line.line_total
        FROM orders_orderitem line JOIN orders_order sale ON sale.id = line.order_id
        WHERE sale.day = %s AND sale.status = 'paid'
    ) sides
    GROUP BY product_id HAVING SUM(kept) <> SUM(sold) OR SUM(kept_won) <> SUM(sold_won)
    ORDER BY product_id LIMIT %s
"""


def _daily_sales_unlike_the_orders() -> Violations:
    shown: list[str] = []
    total = 0
    with connection.cursor() as cursor:
        for day in _days():
            cursor.execute(SALES_OF_A_DAY_UNLIKE_ITS_ORDERS, [day, day, SHOWN])
            rows = cursor.fetchall()
            total += rows[0][-1] if rows else 0
            for product, kept, kept_won, sold, sold_won, _ in rows[: SHOWN - len(shown)]:
                shown.append(
                    f"daily sales of product {product} on {day}: {kept} pieces and {kept_won} won"
                    f" are recorded, the orders say {sold} and {sold_won}"
                )
    return Violations(shown, total)


def _closed_days_unlike_their_orders() -> Violations:
    orders = Order.objects.filter(day=OuterRef("day"))
    return _violations(
        ClosedDay.objects.annotate(
            placed=_aggregate_of(orders, "day", Count("pk")),
            won=_aggregate_of(orders, "day", Sum("total")),
        ).filter(_differ("placed", "orders") | _differ("won", "total")),
        "closed day {day}: {orders} orders of {total} won are recorded, it has {placed} of {won}",
        *("day", "orders", "total", "placed", "won"),
    )


def _days() -> Iterable[str]:
    days = set(Order.objects.order_by().values_list("day", flat=True).distinct())
    days |= set(DailyProductSales.objects.order_by().values_list("day", flat=True).distinct())
    return [day.isoformat() for day in sorted(days)]


INVARIANTS = (
    Invariant(
        "each balance is the sum of its ledger and what its last entry left, never negative",
        Wallet,
        (
            _balances_unlike_their_ledger,
            _balances_unlike_their_last_entry,
            _negative_balances,
        ),
    ),
    Invariant(
        "each campaign's issued quantity is its coupons, within the total, numbered 1 to n,"
        " one per member",
        Coupon,
        (
            _issued_quantities_unlike_their_coupons,
            _campaigns_that_issued_too_many,
            _issue_numbers_with_gaps,
            _members_with_two_of_a_campaign,
        ),
    ),
    Invariant(
        "each product's stock is its adjustments less what was sold and not cancelled,"
        " never negative",
        Product,
        (_stock_unlike_its_history, _negative_stock),
    ),
    Invariant(
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
    ),
    Invariant(
        "each used coupon is on exactly one paid order, of the same member, which got what it"
        " promised",
        IssuedCoupon,
        (
            _used_coupons_on_no_order,
            _unused_coupons_on_an_order,
            _orders_with_anothers_coupon,
            _discounts_unlike_their_coupons_terms,
            _redemptions_unlike_their_orders,
        ),
    ),
    Invariant(
        "daily sales are what the orders say",
        DailyProductSales,
        (_daily_sales_unlike_the_orders,),
    ),
    Invariant(
        "each closed day is what its orders say, cancelled ones included",
        ClosedDay,
        (_closed_days_unlike_their_orders,),
    ),
)
