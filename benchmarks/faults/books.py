"""What the database says in the end, read past the shop's own code."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.faults.shop import BALANCE, Shop
from benchmarks.stack import Database


@dataclass(frozen=True, slots=True)
class IssuedRow:
    id: int
    campaign: int
    user_id: int
    issue_number: int


@dataclass(frozen=True, slots=True)
class OrderRow:
    id: int
    number: str
    user_id: int
    total: int
    lines: frozenset[tuple[int, int]]
    """Pieces by product id."""


@dataclass(frozen=True, slots=True)
class ChargeRow:
    id: int
    reference: str
    user_id: int
    amount: int


@dataclass(slots=True)
class Books:
    """The rows of one `Shop`, without what its members had to begin with."""

    issued: list[IssuedRow] = field(default_factory=list)
    orders: list[OrderRow] = field(default_factory=list)
    charges: list[ChargeRow] = field(default_factory=list)
    issued_quantity: dict[int, int] = field(default_factory=dict)
    """As the campaigns say it, by id."""
    scarce_stock: int = 0


def read_books(db: Database, shop: Shop) -> Books:
    """Read the rows of `shop`."""
    connection = db.connect()
    try:
        return read_books_through(connection, shop)
    finally:
        connection.close()


def read_books_through(connection: Any, shop: Shop) -> Books:
    """Read the rows of `shop` as a connection of the driver's sees them."""
    members = _among(shop.members)
    campaigns = _among(shop.campaigns)
    cursor = connection.cursor()

    def rows(query: str) -> list[Any]:
        cursor.execute(query)
        return list(cursor.fetchall())

    lines: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for order_id, product_id, quantity in rows(
        "SELECT i.order_id, i.product_id, i.quantity FROM orders_orderitem i"
        f" JOIN orders_order o ON o.id = i.order_id WHERE o.user_id IN {members}"
    ):
        lines[order_id].add((product_id, quantity))
    issued = rows(
        "SELECT id, coupon_id, user_id, issue_number FROM coupons_issuedcoupon"
        f" WHERE coupon_id IN {campaigns}"
    )
    orders = rows(f"SELECT id, number, user_id, total FROM orders_order WHERE user_id IN {members}")
    charges = rows(
        "SELECT t.id, t.reference, w.user_id, t.amount FROM users_wallettransaction t"
        f" JOIN users_wallet w ON w.id = t.wallet_id WHERE w.user_id IN {members}"
        f" AND t.kind = 'charge' AND t.amount <> {BALANCE:d}"
    )
    counts = rows(f"SELECT id, issued_quantity FROM coupons_coupon WHERE id IN {campaigns}")
    ((scarce_stock,),) = rows(f"SELECT stock FROM products_product WHERE id = {shop.scarce:d}")
    return Books(
        issued=[IssuedRow(*row) for row in issued],
        orders=[
            OrderRow(pk, number, user_id, total, frozenset(lines[pk]))
            for pk, number, user_id, total in orders
        ],
        charges=[ChargeRow(*row) for row in charges],
        issued_quantity=dict(counts),
        scarce_stock=scarce_stock,
    )


def _among(ids: Iterable[int]) -> str:
    return f"({', '.join(str(int(pk)) for pk in ids)})"
