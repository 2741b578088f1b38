"""What the scenarios need in a migrated, seeded database, written through the shop's services."""

import time
import timeit
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from common.db.transactions import run_transaction
from common.references import new_reference
from coupons.services import Press, create_coupon, issue_coupons, lock_coupon
from events.models import Endpoint, Kind
from events.services import change_endpoint, create_endpoint, record, take_in
from orders.facts import facts_of_orders
from orders.models import Order, OrderItem
from products.models import Product
from products.services import create_product
from users.models import User, WalletTransaction
from users.services import credit, lock_wallets, save_wallets

BALANCE = 500_000_000
"""What each member gets (won): half of what a wallet may hold, since some scenarios charge it."""
STOCK = 1_000_000_000
HOLDERS = 100
HELD = 25
"""How many coupons each of the holders has: more than a page."""
UNHEARD = 10_000
EVENTS_AT_ONCE = 64
"""As many as orders that share a transaction, at most."""
BATCH_SECONDS = 0.015
"""About as long as a transaction of orders takes: what comes meanwhile is the next."""


def prepare_shop(campaigns: int, products: int) -> dict[str, Any]:
    """Rich members with tokens, open campaigns, a sold-out one, and products that don't run out."""
    members = list(User.objects.order_by("pk").values_list("pk", flat=True))
    top_up(members)
    (sold_out,) = new_campaigns(1, 1)
    issue(sold_out, members[:1])
    for campaign in new_campaigns(HELD, HOLDERS):
        issue(campaign, members[:HOLDERS])
    hot, *spread = (new_product(number) for number in range(products + 1))
    return {
        "database": database_version(),
        "members": members,
        "tokens": [token_of(member) for member in members],
        "holders": min(HOLDERS, len(members)),
        "campaigns": new_campaigns(campaigns, 10 * len(members)),
        "sold_out": sold_out,
        "hot_product": hot,
        "products": spread,
    }


def token_of(member_id: int) -> str:
    """An access token, as signing in would give it."""
    return str(AccessToken.for_user(User(pk=member_id)))


def top_up(members: list[int]) -> None:
    """Charge each member's wallet, with its entry in the ledger, a thousand at a time."""

    def charge(user_ids: list[int]) -> None:
        wallets = list(lock_wallets(user_ids).values())
        entries = []
        for wallet in wallets:
            credit(wallet, BALANCE)
            entries.append(
                WalletTransaction(
                    wallet=wallet,
                    kind=WalletTransaction.Kind.CHARGE,
                    amount=BALANCE,
                    balance_after=wallet.balance,
                    reference=new_reference("CHG"),
                )
            )
        save_wallets(wallets, entries)

    for start in range(0, len(members), 1000):
        run_transaction(partial(charge, members[start : start + 1000]))


def set_listener(is_there: bool, url: str = "") -> None:
    """Have somebody listen to all events from now on, or nobody; to be told at `url`, if any."""
    endpoint = Endpoint.objects.first() or create_endpoint(
        name="bench", kinds=[kind.value for kind in Kind], is_active=False
    )
    change_endpoint(endpoint_id=endpoint.pk, is_active=False)
    while take_in():  # what was not told of before is nobody's news
        pass
    change_endpoint(endpoint_id=endpoint.pk, is_active=is_there, url=url)


def write_events(rate: int, seconds: float) -> dict[str, float]:
    """Write events of so many orders a second, and tell how many that were, in which time (s).

    In transactions of what came meanwhile, as when orders are placed; but nothing is sold.
    """
    first = time.time_ns() // 1_000  # of ids that no order has
    began, written = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        due = min(int(elapsed * rate) - written, EVENTS_AT_ONCE)
        if due > 0:
            tell_of_orders(first + written, due)
            written += due
        time.sleep(0 if due == EVENTS_AT_ONCE else BATCH_SECONDS)
    return {"written": written, "seconds": time.monotonic() - began}


def tell_of_orders(first: int, count: int) -> None:
    """Write the events of orders of one line, with these ids, as it is done with real ones."""
    product = Product(pk=1, sku="BENCH", name="벤치 상품", price=18_900)
    orders = [_order(pk, product) for pk in range(first, first + count)]
    run_transaction(
        lambda: record({Kind.ORDER_PAID: facts_of_orders(orders, {product.pk: product})})
    )


def _order(pk: int, product: Product) -> Order:
    order = Order(
        pk=pk,
        number=new_reference("ORD"),
        user_id=1,
        subtotal=product.price,
        total=product.price,
    )
    order.line_items = [
        OrderItem(
            product=product,
            product_name=product.name,
            unit_price=product.price,
            quantity=1,
            line_total=product.price,
        )
    ]
    return order


def time_unheard() -> float:
    """What a batch pays for events that nobody listens to (s)."""
    return min(timeit.repeat(lambda: record({Kind.ORDER_PAID: ()}), number=UNHEARD)) / UNHEARD


def new_campaigns(count: int, quantity: int) -> list[int]:
    """Ids of new campaigns, open for a day, of `quantity` coupons each."""
    now = datetime.now(UTC)
    return [
        create_coupon(
            name=f"벤치 {now:%H%M%S.%f} {number}",
            discount_type="fixed",
            discount_value=1_000,
            total_quantity=quantity,
            issue_starts_at=now - timedelta(minutes=1),
            issue_ends_at=now + timedelta(days=1),
        ).pk
        for number in range(count)
    ]


def issue(campaign: int, members: list[int]) -> None:
    """Issue a campaign's next coupons to the members."""
    presses = [Press(member) for member in members]
    run_transaction(lambda: issue_coupons(coupon=lock_coupon(campaign), presses=presses))


def new_product(number: int) -> int:
    """The id of a new product for 100 won."""
    return create_product(name=f"벤치 상품 {number}", price=100, stock=STOCK).pk


def refresh_statistics() -> None:
    """Let the optimizer know the rows that there are by now.

    MySQL and MariaDB count them anew by and by; within a minute of filling a table they may still
    take it for empty, and read all of it where an index would do.
    """
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if connection.vendor == "mysql":
            names = ", ".join(map(connection.ops.quote_name, tables))
            cursor.execute(f"ANALYZE TABLE {names}")
        else:
            cursor.execute("ANALYZE")


def database_version() -> str:
    """The database and its version."""
    name = connection.display_name
    if connection.vendor == "mysql":
        name = "MariaDB" if connection.mysql_is_mariadb else "MySQL"  # type: ignore[attr-defined]
    return f"{name} {'.'.join(map(str, connection.get_database_version()))}"
