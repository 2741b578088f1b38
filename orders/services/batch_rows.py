"""What placing and cancelling share: the rows that are locked, and what is written of both."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from common.db.locks import Row, Waiting
from coupons.models import IssuedCoupon
from coupons.services import ISSUED, lock_issued_coupons
from orders.models import Order, OrderItem
from products.models import Product
from products.services import PRODUCTS, lock_products, save_stock
from stats.services import Sold
from users.models import Wallet, WalletTransaction
from users.services import save_wallets


@dataclass(slots=True)
class Locked:
    """All that a batch of drafts needs, locked and read, and kept up while it is decided."""

    wallets: dict[int, Wallet] = field(default_factory=dict)
    active: dict[int, int] = field(default_factory=dict)
    """Active members, and when their sessions last ended."""
    by_key: dict[tuple[int, str], Order] = field(default_factory=dict)
    coupons: dict[int, IssuedCoupon] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    held: set[Row] = field(default_factory=set)
    """What others hold. Who needs it is left out."""
    orders: dict[int, Order] = field(default_factory=dict)
    """Those that are to be cancelled."""
    held_orders: dict[int, Order] = field(default_factory=dict)
    """Those that others hold, read without a lock."""

    def first_held(self, rows: Iterable[Row]) -> Row | None:
        """The first among rows that others hold."""
        return next((row for row in rows if row in self.held), None) if self.held else None


@dataclass(slots=True)
class Decided:
    """An order that is placed or cancelled, with the rows that are to be written for it."""

    order: Order
    items: list[OrderItem]
    entry: WalletTransaction


def lock_coupons(issued_ids: Collection[int], locked: Locked, waiting: Waiting) -> None:
    """Lock issued coupons, and note which of them others hold."""
    locked.coupons = lock_issued_coupons(issued_ids, waiting)
    held = ISSUED.held(set(issued_ids) - locked.coupons.keys(), waiting)
    locked.held.update(Row(ISSUED, pk) for pk in held)


def lock_goods(product_ids: Collection[int], locked: Locked, waiting: Waiting) -> None:
    """Lock products, and note which of them others hold."""
    locked.products = lock_products(product_ids, waiting)
    held = PRODUCTS.held(set(product_ids) - locked.products.keys(), waiting)
    locked.held.update(Row(PRODUCTS, pk) for pk in held)


def ledger_entry(wallet: Wallet, order: Order, kind: str, amount: int) -> WalletTransaction:
    """What a wallet's ledger says of an order that was paid or paid back (won)."""
    return WalletTransaction(
        wallet=wallet,
        kind=kind,
        amount=amount,
        balance_after=wallet.balance,
        reference=order.number,
    )


def sales_of(items: Sequence[OrderItem]) -> dict[tuple[int, date], Sold]:
    """What the lines of orders came to, by product and day."""
    sales: dict[tuple[int, date], Sold] = defaultdict(Sold)
    for item in items:
        sold = sales[item.product_id, item.order.day]
        sold.quantity += item.quantity
        sold.revenue += item.line_total
    return dict(sales)


def save_money_and_goods(decided: list[Decided], locked: Locked) -> None:
    """Write the wallets with their new ledger entries, and the stock."""
    user_ids = sorted({one.order.user_id for one in decided})
    save_wallets([locked.wallets[pk] for pk in user_ids], [one.entry for one in decided])
    product_ids = sorted({item.product_id for one in decided for item in one.items})
    save_stock([locked.products[pk] for pk in product_ids])
