"""The reads that must stay quick on millions of rows: what they ask the database, and its plan.

Run by `benchmarks.queries` with DATABASE_URL set, since Django reads its settings only once:

    python -m benchmarks.reads < sizes.json > reads.json
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import quote

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
django.setup()

from django.conf import settings
from django.db import connection
from django.db.models import Max, QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.bench.contents import database_version
from common.api.pagination import Cursor, cursor_at
from common.db.transactions import run_transaction
from coupons.models import Coupon
from ecommerce.seeding.campaigns import NewCampaign, insert_campaigns
from ecommerce.seeding.members import NewMember, insert_members
from ecommerce.seeding.names import ADJECTIVES, NOUNS
from ecommerce.seeding.rows import Series
from ecommerce.seeding.sales import PastOrder, insert_orders
from orders.models import Order, OrderItem
from products.filters import ORDERINGS
from products.models import Category, Product
from users.models import User, WalletTransaction

READER = "reader-with-much"
ADMIN = "reader-of-lists"
BATCH = 4_000
PAGE = 20


@dataclass(frozen=True, slots=True)
class Read:
    """A GET, and who sends it: anyone, a member, or staff."""

    name: str
    path: str
    who: str = "anyone"


@dataclass(slots=True)
class Observed:
    """A read with the statements that it took, and how the database carried out each."""

    read: Read
    statements: list[str] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)


# --- A member with much -------------------------------------------------------------------------


def ensure_reader(entries: int) -> User:
    """The member with at least so many orders, ledger entries and coupons; made when missing."""
    reader = User.objects.filter(username=READER).first()
    if reader is not None:
        return reader
    series, now = Series(Random()), timezone.now()
    people = [
        NewMember(username=READER, password="!", joined=now - timedelta(days=60)),
        NewMember(username=ADMIN, password="!", joined=now, is_staff=True),
    ]
    made = run_transaction(lambda: insert_members(people, series))
    products = list(Product.objects.filter(is_active=True).values_list("pk", flat=True)[:300])
    for start in range(0, entries, BATCH):
        count = min(BATCH, entries - start)
        _order(made[READER], series, products, now - timedelta(days=30), start, count, entries)
        _issue(made[READER], series.tag, start, count)
    return User.objects.get(pk=made[READER])


def _order(
    reader: int,
    series: Series,
    products: list[int],
    since: Any,
    start: int,
    count: int,
    entries: int,
) -> None:
    step = timedelta(days=29) / entries
    orders = [
        PastOrder(series.next("ORD"), reader, since + n * step, {products[n % len(products)]: 1})
        for n in range(start, start + count)
    ]
    run_transaction(lambda: insert_orders(orders, series=series, charge_unit=1_000_000))


def _issue(reader: int, tag: str, start: int, count: int) -> None:
    now = timezone.now()
    campaigns = [
        NewCampaign(
            name=f"reader {tag} {n}",
            discount_type=Coupon.DiscountType.FIXED,
            discount_value=1_000,
            total_quantity=1,
            # A third has expired by now: coupons are valid for 30 days.
            starts=now - timedelta(days=50 if n % 3 == 0 else 10),
            ends=now - timedelta(days=45 if n % 3 == 0 else 5),
            holders=[reader],
        )
        for n in range(start, start + count)
    ]
    run_transaction(lambda: insert_campaigns(campaigns, now))


# --- The reads ----------------------------------------------------------------------------------


def all_reads() -> Iterator[Read]:
    yield Read("top-products, 3 days", "/api/v1/stats/top-products/")
    yield Read("top-products, 30 days, 50", "/api/v1/stats/top-products/?days=30&limit=50")
    yield from _product_lists()
    yield from _searches()
    yield from _own_lists()
    yield from _admin_lists()


def _product_lists() -> Iterator[Read]:
    listed = Product.objects.filter(is_active=True)
    category = Category.objects.order_by("pk").first()
    lists: list[tuple[str, str, QuerySet[Product]]] = [("products/", "", listed)]
    if category is not None:
        of_one = listed.filter(category=category)
        lists.append(("products/ of a category", f"category={quote(category.slug)}&", of_one))
    for name, filters, rows in lists:
        for ordering in ORDERINGS:
            path = f"/api/v1/products/?{filters}ordering={ordering}"
            yield Read(f"{name} {ordering}", path)
            page, cursor = _deep(rows, ordering)
            yield Read(f"{name} {ordering}, page {page:,}", f"{path}&cursor={cursor}")
    yield Read("products/ sold out", "/api/v1/products/?in_stock=false")
    yield Read("products/ of a price", "/api/v1/products/?min_price=50000&max_price=50000")


def _deep(rows: "QuerySet[Any]", ordering: str, page: int = 10_000) -> tuple[int, str]:
    """The cursor of the 10,000th page, or of the last there is."""
    pages = min(page, rows.count() // PAGE)
    sign = "-" if ordering.startswith("-") else ""
    at = max(0, (pages - 1) * PAGE - 1)
    row = rows.order_by(ordering, f"{sign}id")[at : at + 1].get()
    cursor: Cursor = cursor_at(row, ordering, backwards=False)
    return pages, cursor.encode()


def _searches() -> Iterator[Read]:
    adjective, noun = ADJECTIVES[15], NOUNS[1]
    texts = {
        "in every 18th name": adjective,
        "in every 32nd name": noun,
        "in every 576th name": f"{adjective} {noun}",
        "in one name": Product.objects.filter(name__contains="-").latest("pk").name,
        "in no name": "없는이름",
        "of one character, in every 32nd name": noun[-1],
    }
    for where, text in texts.items():
        for ordering in ("-created_at", "name"):
            path = f"/api/v1/products/?search={quote(text)}&ordering={ordering}"
            yield Read(f"search {where}, {ordering}", path)


def _own_lists() -> Iterator[Read]:
    reader = User.objects.get(username=READER)
    ledger = WalletTransaction.objects.filter(wallet__user=reader)
    _, deep_order = _deep(Order.objects.filter(user=reader), "-id", 2_500)
    _, deep_entry = _deep(ledger, "-id", 2_500)
    own = {
        "own orders": "orders/",
        "own orders, page 2,500": f"orders/?cursor={deep_order}",
        "own ledger": "users/me/balance/transactions/",
        "own ledger, page 2,500": f"users/me/balance/transactions/?cursor={deep_entry}",
        "own coupons": "users/me/coupons/",
        **{
            f"own coupons, {status}": f"users/me/coupons/?status={status}"
            for status in ("usable", "used", "expired", "revoked")
        },
    }
    for name, path in own.items():
        yield Read(name, f"/api/v1/{path}", "member")


def _admin_lists() -> Iterator[Read]:
    number = Order.objects.latest("pk").number
    searches = {
        "users/wallettransaction": number,
        "users/user": "reader",
        "users/wallet": "reader",
        "orders/order": number,
        "orders/orderitem": number,
        "products/product": "든든한 텀블러",
        "products/stockadjustment": "없는이름",
        "coupons/coupon": "reader",
        "coupons/issuedcoupon": READER,
        "stats/dailyproductsales": "없는이름",
    }
    for model, text in searches.items():
        yield Read(f"admin {model}", f"/admin/{model}/", "staff")
        yield Read(f"admin {model}, search", f"/admin/{model}/?q={quote(text)}", "staff")


# --- Observing ----------------------------------------------------------------------------------


def credentials() -> dict[str, dict[str, str]]:
    """The headers by who sends a read."""
    member, staff = (User.objects.get(username=name) for name in (READER, ADMIN))
    browser = Client()
    browser.force_login(staff)
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    token = AccessToken.for_user(member)
    token.set_exp(lifetime=timedelta(hours=12))
    return {
        "anyone": {},
        "member": {"Authorization": f"Bearer {token}"},
        "staff": {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"},
    }


def observe(read: Read, headers: dict[str, str]) -> Observed:
    """Send the read in this process, and ask the database for its statements' plans."""
    client = Client(SERVER_NAME="localhost")
    client.get(read.path, headers=headers)  # what is read once in a process is read by now
    with CaptureQueriesContext(connection) as context:
        answer = client.get(read.path, headers=headers)
    if answer.status_code != 200:
        raise RuntimeError(f"{read.path}: {answer.status_code}")
    seen = Observed(read, [captured["sql"].strip() for captured in context])
    with connection.cursor() as cursor:
        for sql in (sql for sql in seen.statements if sql.startswith(("SELECT", "(SELECT"))):
            cursor.execute(_explain(sql))
            seen.plans.append("\n".join(" ".join(map(str, row)) for row in cursor.fetchall()))
    return seen


def _explain(sql: str) -> str:
    if connection.vendor == "sqlite":
        return f"EXPLAIN QUERY PLAN {sql}"
    mariadb = getattr(connection, "mysql_is_mariadb", False)
    return f"EXPLAIN {sql}" if mariadb else f"EXPLAIN ANALYZE {sql}"


def counts() -> dict[str, int]:
    """How many rows there are, by table: the newest id, which is close and costs nothing."""
    models = (Product, Order, WalletTransaction, User, Coupon)
    newest = {m._meta.db_table: m._default_manager.aggregate(n=Max("pk"))["n"] or 0 for m in models}
    newest[OrderItem._meta.db_table] = OrderItem.objects.count()
    return newest


def main() -> None:
    sizes = json.load(sys.stdin)
    ensure_reader(sizes["entries"])
    headers = credentials()
    observed = [observe(read, headers[read.who]) for read in all_reads()] if sizes["plans"] else []
    json.dump(
        {
            "version": database_version(),
            "rows": counts(),
            "headers": headers,
            "reads": [asdict(read) for read in all_reads()],
            "observed": [asdict(one) for one in observed],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
