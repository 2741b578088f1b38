"""The best sellers of several periods at once are those of each."""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.models import Product
from stats.models import DailyProductSales

TODAY = date(2026, 11, 25)
PERIODS = (1, 3, 7)


@pytest.fixture
def sell(make_product: Callable[..., Product]) -> Callable[[Random, int, int], None]:
    """Products, a few of them withdrawn, that sold up to so many pieces on some of ten days."""

    def make(rng: Random, products: int, most: int) -> None:
        rows = []
        for number in range(products):
            product = make_product(is_active=number % 7 != 3)
            days = rng.sample(range(10), rng.randint(0, 10))
            rows += [
                DailyProductSales(
                    product=product,
                    day=TODAY - timedelta(ago),
                    quantity=(pieces := rng.randint(0, most)),
                    revenue=pieces * rng.choice([100, 200]),
                )
                for ago in days
            ]
        DailyProductSales.objects.bulk_create(rows)

    return make


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("most", [2, 10, 1_000])
def test_each_period_is_as_if_it_were_asked_for_alone(
    sell: Callable[..., None], seed: int, most: int
) -> None:
    sell(Random(seed), 5 + 5 * (seed % 6), most)
    sales = DailyProductSales.objects.all()
    together = sales.top_products_lately(until=TODAY, periods=PERIODS, limit=2)
    alone: list[Any] = [
        sales.top_products(since=TODAY - timedelta(days - 1), until=TODAY, limit=2)
        for days in PERIODS
    ]
    assert together == alone


def test_nothing_sold_is_nothing_in_each_period(db: None) -> None:
    found = DailyProductSales.objects.all().top_products_lately(
        until=TODAY, periods=PERIODS, limit=5
    )
    assert found == [[], [], []]


def test_it_costs_two_statements_or_three(
    sell: Callable[..., None], make_product: Callable[..., Product]
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as statements:
            DailyProductSales.objects.all().top_products_lately(
                until=TODAY, periods=PERIODS, limit=2
            )
        return len(statements)

    sell(Random(1), 5, 5)
    assert cost() == 2
    DailyProductSales.objects.bulk_create(
        DailyProductSales(product=make_product(), day=TODAY - timedelta(ago), quantity=5)
        for ago in range(7)
        for _ in range(10)
    )
    assert cost() == 3
