"""Fixtures and helpers of the tests that order."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from coupons.tests.conftest import issue
from products.models import Product

__all__ = ["issue"]

URL = "/api/v1/orders/"


def buy(
    client: APIClient, *lines: tuple[int, int], coupon: int | None = None, key: str | None = None
) -> Response:
    """Order `lines`, each a product's id and a quantity, with an issued coupon if given."""
    items = [{"product": product, "quantity": quantity} for product, quantity in lines]
    body = {"items": items} if coupon is None else {"items": items, "coupon": coupon}
    return client.post(URL, body, headers={} if key is None else {"Idempotency-Key": key})


@pytest.fixture
def small_and_large(
    client: APIClient, make_product: Callable[..., Product]
) -> list[dict[str, Any]]:
    """Two orders of `client`: of 1 line and of 50."""
    lines = [(make_product(price=1).pk, 1) for _ in range(50)]
    return [buy(client, *lines[:count]).json() for count in (1, 50)]
