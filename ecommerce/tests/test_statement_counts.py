"""How many SQL statements each endpoint sends, and that no row or line makes it more."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from common.errors import DomainError
from conftest import client_of
from coupons.services import issue_coupon
from events.models import Kind, Outgoing
from events.services import create_endpoint, kinds_heard
from orders.services import DraftLine, OrderDraft, place_order, place_orders
from products.models import Category
from products.services import adjust_stock
from users.services import charge_wallet, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

FEW, MANY = 1, 30

CONNECTING = ("BEGIN", "SET SESSION", "SET SQL", "SELECT @@", "SELECT VERSION", "PRAGMA")
"""What begins a transaction, or is sent when a connection is made."""
IS_PRIMARY = "SELECT @@global.read_only"
"""What `ready` asks MySQL."""


class Shop:
    """A shop with so many of everything, seen by one member."""

    def __init__(self, size: int, make_member: Any, make_product: Any, make_coupon: Any) -> None:
        self.member = make_member(balance=50_000_000, password="pw")
        self.client = client_of(self.member)
        self.anyone = client_of()
        categories = [
            Category.objects.create(name=f"category {n}", slug=f"c{n}") for n in range(size)
        ]
        self.products = [make_product(category=category, stock=999) for category in categories]
        self.coupons = [make_coupon() for _ in range(size)]
        self.issued = [
            issue_coupon(coupon_id=coupon.pk, user_id=self.member.pk) for coupon in self.coupons
        ]
        self.fresh_coupon = make_coupon()
        self.orders = [
            self.place(*(DraftLine(product.pk, 1) for product in self.products))
            for _ in range(size)
        ]
        for _ in range(size):
            charge_wallet(user_id=self.member.pk, amount=1)

    def place(self, *lines: DraftLine) -> Any:
        return place_order(OrderDraft(user_id=self.member.pk, lines=lines)).value

    def body(self, **extra: Any) -> dict[str, Any]:
        return {"items": [{"product": p.pk, "quantity": 1} for p in self.products], **extra}

    def refresh(self) -> dict[str, str]:
        return {"refresh": sign_in(username=self.member.username, password="pw").refresh}


def get(path: str, *, as_member: bool = False) -> Callable[[Shop], Callable[[], Any]]:
    def prepare(shop: Shop) -> Callable[[], Any]:
        client: APIClient = shop.client if as_member else shop.anyone
        return lambda: client.get(path.format(shop=shop))

    return prepare


def post(
    path: str, body: Callable[[Shop], Any] = lambda shop: None, **headers: str
) -> Callable[[Shop], Callable[[], Any]]:
    def prepare(shop: Shop) -> Callable[[], Any]:
        sent = body(shop)
        where = path.format(shop=shop)
        return lambda: shop.client.post(where, sent, headers=headers)

    return prepare


def patch(path: str, body: Callable[[Shop], Any]) -> Callable[[Shop], Callable[[], Any]]:
    return lambda shop: lambda: shop.client.patch(path, body(shop))


KEY = {"Idempotency-Key": "one-press"}
CREDENTIALS = {"username": "haneul", "password": "correct horse battery"}

ENDPOINTS: dict[str, tuple[int, Callable[[Shop], Callable[[], Any]]]] = {
    "health": (1, get("/health/ready")),
    "alive": (0, get("/health/live")),
    "sign up": (3, post("/api/v1/auth/signup/", lambda shop: CREDENTIALS)),
    "sign in": (
        4,
        post(
            "/api/v1/auth/token/",
            lambda shop: {"username": shop.member.username, "password": "pw"},
        ),
    ),
    "rotate": (6, post("/api/v1/auth/token/refresh/", Shop.refresh)),
    "revoke": (2, post("/api/v1/auth/token/revoke/", Shop.refresh)),
    "change email": (2, patch("/api/v1/users/me/", lambda shop: {"email": "a@example.com"})),
    "me": (1, get("/api/v1/users/me/", as_member=True)),
    "balance": (1, get("/api/v1/users/me/balance/", as_member=True)),
    "ledger": (1, get("/api/v1/users/me/balance/transactions/", as_member=True)),
    "charge": (4, post("/api/v1/users/me/balance/charge/", lambda shop: {"amount": 1})),
    "charge with a key": (
        5,
        post("/api/v1/users/me/balance/charge/", lambda shop: {"amount": 1}, **KEY),
    ),
    "my coupons": (1, get("/api/v1/users/me/coupons/", as_member=True)),
    "my usable coupons": (1, get("/api/v1/users/me/coupons/?status=usable", as_member=True)),
    "products": (1, get("/api/v1/products/")),
    "products by price": (1, get("/api/v1/products/?ordering=-price&in_stock=true")),
    "products found": (2, get("/api/v1/products/?search=product")),
    "products of a category": (2, get("/api/v1/products/?category=c0")),
    "product": (1, get("/api/v1/products/{shop.products[0].pk}/")),
    "categories": (1, get("/api/v1/categories/")),
    "coupons": (1, get("/api/v1/coupons/")),
    "coupon": (1, get("/api/v1/coupons/{shop.coupons[0].pk}/")),
    "issue": (4, post("/api/v1/coupons/{shop.fresh_coupon.pk}/issue/")),
    "orders": (2, get("/api/v1/orders/", as_member=True)),
    "order": (2, get("/api/v1/orders/{shop.orders[0].pk}/", as_member=True)),
    "place an order": (10, post("/api/v1/orders/", Shop.body)),
    "place an order with a key": (11, post("/api/v1/orders/", Shop.body, **KEY)),
    "place an order with a coupon": (
        12,
        post("/api/v1/orders/", lambda shop: shop.body(coupon=shop.issued[0].pk)),
    ),
    "cancel an order": (11, post("/api/v1/orders/{shop.orders[0].pk}/cancel/")),
    "top products": (2, get("/api/v1/stats/top-products/?limit=50")),
    # The last: it ends the session that asks for the others.
    "revoke everywhere": (
        4,
        post("/api/v1/auth/token/revoke/", lambda shop: shop.refresh() | {"everywhere": True}),
    ),
}


def statements(request: Callable[[], Any]) -> list[str]:
    """What a request sends, on its own connection and on those of the committers."""
    sent: list[str] = []
    execute = CursorWrapper.execute

    def noting(self: CursorWrapper, sql: str, params: Any = None) -> Any:
        sent.append(sql)
        return execute(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", noting):
        answer = request()
    assert answer.status_code in {200, 201}, answer.content
    return [sql for sql in sent if sql == IS_PRIMARY or not sql.startswith(CONNECTING)]


EVENTS = {
    *("charge", "charge with a key", "issue", "cancel an order", "place an order"),
    *("place an order with a key", "place an order with a coupon"),
}
"""What says something to whoever listens."""


@pytest.mark.parametrize("size", [FEW, MANY])
def test_each_endpoint_sends_so_many_statements_however_much_there_is(
    size, make_member, make_product, make_coupon
):
    assert not kinds_heard()
    shop = Shop(size, make_member, make_product, make_coupon)

    ENDPOINTS["rotate"][1](shop)()  # two writes: by then each committer has its connection
    counted = {}
    for name, (_, prepare) in ENDPOINTS.items():
        counted[name] = statements(prepare(shop))

    expected = {name: count for name, (count, _) in ENDPOINTS.items()}
    assert {name: len(sent) for name, sent in counted.items()} == expected, counted


@pytest.mark.parametrize("size", [FEW, MANY])
def test_with_somebody_who_listens_it_is_one_statement_more_however_many_events(
    size, make_member, make_product, make_coupon
):
    create_endpoint(name="the warehouse", kinds=Kind.values)
    shop = Shop(size, make_member, make_product, make_coupon)
    for product in shop.products:  # so that the next piece that is sold makes each run low
        adjust_stock(
            product_id=product.pk, quantity=settings.LOW_STOCK + 1 - stock_of(product), reason="few"
        )

    ENDPOINTS["rotate"][1](shop)()  # two writes: by then each committer has its connection
    counted = {}
    for name, (_, prepare) in ENDPOINTS.items():
        counted[name] = statements(prepare(shop))

    expected = {name: count + (name in EVENTS) for name, (count, _) in ENDPOINTS.items()}
    assert {name: len(sent) for name, sent in counted.items()} == expected, counted
    assert Outgoing.objects.filter(kind=Kind.PRODUCT_LOW_STOCK).count() >= size


def stock_of(product: Any) -> int:
    product.refresh_from_db()
    return int(product.stock)


def test_in_a_batch_it_is_one_statement_more_however_many_orders(make_member, make_product):
    members = [make_member(balance=10_000) for _ in range(MANY)]
    product = make_product(stock=999)
    drafts = [OrderDraft(member.pk, (DraftLine(product.pk, 1),)) for member in members]

    def place_all() -> int:
        with transaction.atomic(), CaptureQueriesContext(connection) as sent:
            assert not any(isinstance(one, DomainError) for one in place_orders(drafts))
            transaction.set_rollback(True)
        return len(sent)

    without = place_all()
    create_endpoint(name="the warehouse", kinds=Kind.values)
    assert kinds_heard()
    assert place_all() == without + 1
