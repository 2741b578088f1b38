"""Sales on both sides of each border, and what the admin's first page shows of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from coupons.models import Coupon
from coupons.services import issue_coupon
from orders.models import Order
from orders.services import DraftLine, OrderDraft, cancel_order, place_order
from products.models import Product
from users.models import User

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # noon in Seoul


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with time_machine.travel(moment, tick=False):
        yield


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def blocks(browser: Client, address: str = "") -> dict[str, Any]:
    with at(NOW):
        page = browser.get(f"/admin/{address}")
    assert page.status_code == 200
    return page.context["dashboard"]


@pytest.fixture
def buy(
    make_member: Callable[..., User], make_product: Callable[..., Product]
) -> Callable[..., Order]:
    """Places an order of one piece for so many won, at a moment."""

    def make(moment: datetime, price: int, *, coupon: Coupon | None = None) -> Order:
        with at(moment):
            member = make_member(balance=price + 1, date_joined=days_ago(100))
            product = make_product(price=price, stock=100)
            issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk) if coupon else None
            draft = OrderDraft(
                user_id=member.pk,
                lines=(DraftLine(product.pk, 1),),
                coupon_id=issued.pk if issued else None,
            )
            return place_order(draft).value

    return make


@pytest.fixture
def sales(buy: Callable[..., Order], make_coupon: Callable[..., Coupon]) -> list[Order]:
    """Orders on both sides of each border, two of them cancelled."""
    coupon = make_coupon(
        discount_value=300, issue_starts_at=days_ago(5), issue_ends_at=days_ago(-1)
    )
    seoul_midnight = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    orders = [
        buy(NOW, 1_000, coupon=coupon),  # 700 won are paid
        buy(seoul_midnight, 2_000),
        buy(NOW, 64_000),
        buy(seoul_midnight - timedelta(microseconds=1), 4_000),  # yesterday
        buy(days_ago(13), 8_000),
        buy(days_ago(13), 128_000),
        buy(days_ago(14), 16_000),
        buy(days_ago(27), 32_000),
        buy(days_ago(28), 256_000),  # before all of it
    ]
    for order in (orders[2], orders[5]):
        with at(NOW):
            cancel_order(order_id=order.pk)
    return orders


def in_sql(sql: str, *params: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()
