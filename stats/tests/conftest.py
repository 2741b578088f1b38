"""Fixtures of the tests that look at what was sold."""

from collections.abc import Callable
from typing import Any

import pytest

from conftest import client_of
from products.models import Product

Sell = Callable[..., dict[str, Any]]


@pytest.fixture
def shopper(make_member: Callable[..., Any]) -> Any:
    """A member who can pay for anything."""
    return make_member(balance=100_000_000)


@pytest.fixture
def sell(shopper: Any) -> Sell:
    """Sells lines, each a product and a quantity, at this moment; the order."""

    def make(*lines: tuple[Product, int], coupon: int | None = None) -> dict[str, Any]:
        items = [{"product": product.pk, "quantity": quantity} for product, quantity in lines]
        body = {"items": items, "coupon": coupon}
        answer = client_of(shopper).post("/api/v1/orders/", body)
        assert answer.status_code == 201
        return answer.json()

    return make


@pytest.fixture
def cancel(shopper: Any) -> Callable[[dict[str, Any]], None]:
    """Cancels an order at this moment."""

    def make(order: dict[str, Any]) -> None:
        answer = client_of(shopper).post(f"/api/v1/orders/{order['id']}/cancel/")
        assert answer.status_code == 200

    return make
