"""Orders of the past: what `orders.services` does, but dated back and many at a time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.conf import settings
from django.utils import timezone

from common.db.rows import save_fields
from coupons.models import IssuedCoupon
from coupons.services import discount_with, lock_issued_coupons, redeem, restore
from ecommerce.seeding.rows import Row, Series, insert_rows, update_rows
from orders.models import Order, OrderItem
from products.models import Product, StockAdjustment
from products.services import lock_products
from stats.models import DailyProductSales
from stats.services import Sold
from users.models import Wallet, WalletTransaction
from users.services import credit, debit, lock_wallets


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order that was placed at `moment`, and cancelled later or never."""

    number: str
    user_id: int
    moment: datetime
    quantities: dict[int, int]
    """Pieces by product id."""
    coupon_id: int | None = None
    cancelled: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Bill:
    """What an order came to, in won, on which day of the shop."""

    subtotal: int
    discount: int
    day: date


@dataclass(slots=True)
class _Book:
    """What a batch of orders makes of the locked rows, and the rows that are to be written."""

    wallets: dict[int, Wallet]
    floors: dict[int, int]
    """What must stay in each wallet, by member."""
    coupons: dict[int, IssuedCoupon]
    products: dict[int, Product]
    charge_unit: int
    series: Series
    ledger: list[Row] = field(default_factory=list)
    bills: dict[str, _Bill] = field(default_factory=dict)
    """By order number."""


def insert_orders(orders: Sequence[PastOrder], *, series: Series, charge_unit: int) -> None:
    """Insert orders, given in the order of their moments, with all that follows from them.

    Members charge their wallets, in multiples of `charge_unit` won, before they would spend what
    was there; and what is sold is delivered before: so balances never get lower, and stock stays
    as it is. Needs an open transaction, and locks as `place_orders` does.

    Raises:
        CouponNotUsable: a coupon was not usable at its order's moment.
        BalanceLimitExceeded: an order costs more than wallets may hold.
    """
    wallets = lock_wallets({order.user_id for order in orders})
    coupons = lock_issued_coupons({order.coupon_id for order in orders if order.coupon_id})
    products = lock_products({product for order in orders for product in order.quantities})
    floors = {pk: min(w.balance, settings.BALANCE_MAX // 2) for pk, w in wallets.items()}
    book = _Book(wallets, floors, coupons, products, charge_unit, series)
    for moment, order, cancels in _events(orders):
        if cancels:
            _refund(book, order, moment)
        else:
            _pay(book, order)
    _write_deliveries(book, orders)
    _write_orders(book, orders)
    save_fields(coupons.values(), ["used_at"])  # each of a moment of its own
    _write_wallets(book)
    _write_daily_sales(_sales_of(book, orders))


def _events(orders: Sequence[PastOrder]) -> list[tuple[datetime, PastOrder, bool]]:
    """Placings and cancellings (True) in the order in which they happened."""
    placed = [(order.moment, order, False) for order in orders]
    cancelled = [(order.cancelled, order, True) for order in orders if order.cancelled]
    return sorted([*placed, *cancelled], key=lambda event: event[0])


def _pay(book: _Book, order: PastOrder) -> None:
    subtotal = sum(book.products[pk].price * quantity for pk, quantity in order.quantities.items())
    discount = 0
    if order.coupon_id:
        coupon = book.coupons[order.coupon_id]
        discount = discount_with(coupon, subtotal=subtotal, moment=order.moment)
        redeem(coupon, order.moment)
    day = timezone.localdate(order.moment)
    book.bills[order.number] = _Bill(subtotal, discount, day)
    total = subtotal - discount
    _charge_for(book, order, total)
    debit(book.wallets[order.user_id], total)
    _enter(book, order.user_id, "payment", -total, order.number, order.moment)


def _charge_for(book: _Book, order: PastOrder, total: int) -> None:
    wallet = book.wallets[order.user_id]
    short = book.floors[order.user_id] + total - wallet.balance
    if short > 0:
        amount = -(-short // book.charge_unit) * book.charge_unit
        credit(wallet, amount)
        _enter(book, order.user_id, "charge", amount, book.series.next("CHG"), order.moment)


def _refund(book: _Book, order: PastOrder, moment: datetime) -> None:
    bill = book.bills[order.number]
    total = bill.subtotal - bill.discount
    if order.coupon_id:
        restore(book.coupons[order.coupon_id])
    credit(book.wallets[order.user_id], total)
    _enter(book, order.user_id, "refund", total, order.number, moment)


def _enter(
    book: _Book, user_id: int, kind: str, amount: int, reference: str, moment: datetime
) -> None:
    wallet = book.wallets[user_id]
    book.ledger.append((wallet.pk, kind, amount, wallet.balance, reference, moment))


# --- Writing ------------------------------------------------------------------------------------


def _write_deliveries(book: _Book, orders: Sequence[PastOrder]) -> None:
    delivered: dict[int, int] = defaultdict(int)
    for order in _kept(orders):
        for product_id, quantity in order.quantities.items():
            delivered[product_id] += quantity
    insert_rows(
        StockAdjustment,
        ("product_id", "quantity", "stock_after", "reason", "reference", "created_at"),
        [
            (
                *(product_id, quantity, book.products[product_id].stock + quantity),
                *("입고", book.series.next("STK"), orders[0].moment),
            )
            for product_id, quantity in sorted(delivered.items())
        ],
    )


def _write_orders(book: _Book, orders: Sequence[PastOrder]) -> None:
    insert_rows(
        Order,
        (
            *("number", "user_id", "status", "subtotal", "discount", "total", "coupon_id"),
            *("redeemed_coupon_id", "day", "created_at", "cancelled_at"),
        ),
        [_order_row(order, book.bills[order.number]) for order in orders],
    )
    numbers = [order.number for order in orders]
    rows = Order.objects.filter(number__range=(min(numbers), max(numbers)))
    ids = dict(rows.values_list("number", "pk"))
    insert_rows(
        OrderItem,
        ("order_id", "product_id", "product_name", "unit_price", "quantity", "line_total"),
        [
            _item_row(ids[order.number], book.products[product_id], quantity)
            for order in orders
            for product_id, quantity in order.quantities.items()
        ],
    )


def _order_row(order: PastOrder, bill: _Bill) -> Row:
    status = Order.Status.CANCELLED if order.cancelled else Order.Status.PAID
    return (
        *(order.number, order.user_id, status.value),
        *(bill.subtotal, bill.discount, bill.subtotal - bill.discount),
        *(order.coupon_id, None if order.cancelled else order.coupon_id),
        *(bill.day, order.moment, order.cancelled),
    )


def _item_row(order_id: int, product: Product, quantity: int) -> Row:
    price = product.price
    return order_id, product.pk, product.name, price, quantity, price * quantity


def _write_wallets(book: _Book) -> None:
    now = timezone.now()
    update_rows(
        Wallet,
        ("balance", "updated_at"),
        [(wallet.balance, now, wallet.pk) for wallet in book.wallets.values()],
    )
    insert_rows(
        WalletTransaction,
        ("wallet_id", "kind", "amount", "balance_after", "reference", "created_at"),
        book.ledger,
    )


def _kept(orders: Sequence[PastOrder]) -> list[PastOrder]:
    return [order for order in orders if not order.cancelled]


def _sales_of(book: _Book, orders: Sequence[PastOrder]) -> dict[tuple[int, date], Sold]:
    sales: dict[tuple[int, date], Sold] = defaultdict(Sold)
    for order in _kept(orders):
        day = book.bills[order.number].day
        for product_id, quantity in order.quantities.items():
            sold = sales[product_id, day]
            sold.quantity += quantity
            sold.revenue += quantity * book.products[product_id].price
    return dict(sales)


def _write_daily_sales(sales: dict[tuple[int, date], Sold]) -> None:
    """What `record_sales` does, in a third of the time."""
    days = {day for _, day in sales}
    rows = DailyProductSales.objects.filter(
        day__in=days, product__in={product_id for product_id, _ in sales}
    )
    changed = []
    for row in rows.values_list("product_id", "day", "quantity", "revenue", "pk"):
        product_id, day, quantity, revenue, pk = row
        if sold := sales.pop((product_id, day), None):
            changed.append((quantity + sold.quantity, revenue + sold.revenue, pk))
    update_rows(DailyProductSales, ("quantity", "revenue"), changed)
    insert_rows(
        DailyProductSales,
        ("product_id", "day", "quantity", "revenue"),
        [
            (product_id, day, sold.quantity, sold.revenue)
            for (product_id, day), sold in sorted(sales.items())
        ],
    )
