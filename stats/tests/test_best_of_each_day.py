"""The best sellers from the best of each day: what adding up all sales gives, but sooner."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from random import Random

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from products.models import Product
from stats import models
from stats.models import DailyProductSales

SUNDAY = date(2026, 11, 22)
DAYS = [SUNDAY + timedelta(days=n) for n in range(4)]

pytestmark = pytest.mark.django_db
Sold = dict[tuple[Product, date], tuple[int, int]]


@pytest.fixture
def products() -> list[Product]:
    made = [Product(name=f"p{n}", price=1, is_active=n % 7 != 3) for n in range(24)]
    Product.objects.bulk_create(made)
    return list(Product.objects.order_by("pk"))


def record(sold: Sold) -> None:
    DailyProductSales.objects.bulk_create(
        DailyProductSales(product=product, day=day, quantity=quantity, revenue=revenue)
        for (product, day), (quantity, revenue) in sold.items()
    )


def added_up(sold: Sold, since: date, until: date, limit: int) -> list[tuple[int, int, int]]:
    pieces: Counter[int] = Counter()
    won: Counter[int] = Counter()
    for (product, day), (quantity, revenue) in sold.items():
        if product.is_active and since <= day <= until:
            pieces[product.pk] += quantity
            won[product.pk] += revenue
    ranked = sorted((-pieces[pk], -won[pk], pk) for pk in pieces if pieces[pk] > 0)
    return [(pk, -quantity, -revenue) for quantity, revenue, pk in ranked[:limit]]


def best(since: date, until: date, limit: int) -> list[tuple[int, int, int]]:
    rows = DailyProductSales.objects.top_products(since=since, until=until, limit=limit)
    return [(row["product_id"], row["total_quantity"], row["total_revenue"]) for row in rows]


@pytest.mark.parametrize("depth", [1, 2, 3, 50])
@pytest.mark.parametrize("most", [1, 3, 40])
def test_it_is_what_adding_up_all_sales_gives(
    depth: int,
    most: int,
    products: list[Product],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "DEPTH", depth)
    rng = Random(f"{depth} {most}")
    for _ in range(12):
        sold = {
            (product, day): (rng.randint(0, most), rng.randint(0, 2))
            for product in products
            for day in DAYS
            if rng.random() < 0.6
        }
        DailyProductSales.objects.all().delete()
        record(sold)
        for since, until in [(DAYS[0], DAYS[3]), (DAYS[1], DAYS[2]), (DAYS[2], DAYS[2])]:
            for limit in (1, 3, 5, 50):
                assert best(since, until, limit) == added_up(sold, since, until, limit)


def test_one_that_is_never_the_best_of_a_day_may_be_the_best_of_all(
    products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "DEPTH", 1)
    steady, *bursts = products[:3] + products[4:5]
    record(
        {(steady, day): (9, 9) for day in DAYS[:3]}
        | dict.fromkeys(zip(bursts, DAYS, strict=False), (10, 10))
    )
    assert best(DAYS[0], DAYS[2], 1) == [(steady.pk, 27, 27)]


def test_a_withdrawn_best_seller_does_not_hide_the_next(
    products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "DEPTH", 1)
    withdrawn, sold = products[3], products[4]
    record({(withdrawn, SUNDAY): (10, 10), (sold, SUNDAY): (1, 1)})
    assert best(SUNDAY, SUNDAY, 1) == [(sold.pk, 1, 1)]


@pytest.fixture
def record_many() -> Callable[[int], None]:
    """Records so many more products sold on each day, of which 20 stand out."""
    names = count()

    def make(size: int) -> None:
        Product.objects.bulk_create([Product(name=f"m{next(names)}", price=1) for _ in range(size)])
        newest = list(Product.objects.order_by("-pk")[:size])
        record(
            {
                (product, day): (1_000 - place if place < 20 else place % 5 + 1, place)
                for place, product in enumerate(newest)
                for day in DAYS
            }
        )

    return make


def test_two_statements_however_many_products_sold(
    record_many: Callable[[int], None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for size in (60, 600):
        record_many(size)
        with django_assert_num_queries(2):
            assert len(best(DAYS[0], DAYS[3], 5)) == 5


def test_every_sale_is_added_up_when_no_product_stands_out(
    products: list[Product], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record({(product, day): (1, 1) for product in products for day in DAYS})
    first = next(product for product in products if product.is_active)
    with django_assert_num_queries(3):
        assert best(DAYS[0], DAYS[3], 1) == [(first.pk, 4, 4)]


@pytest.mark.skipif(
    "(c := __import__('django').db.connection).vendor != 'mysql' or c.mysql_is_mariadb",
    reason="reads the plan of MySQL",
)
def test_each_days_best_are_read_from_the_index_in_its_order(
    record_many: Callable[[int], None],
) -> None:
    record_many(2_000)
    with CaptureQueriesContext(connection) as context:
        best(DAYS[0], DAYS[3], 5)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN FORMAT=TREE {context[0]['sql']}")
        plan = cursor.fetchone()[0]
    of_a_day = r"Covering index range scan on stats_dailyproductsales using daily_sales_best_idx"
    assert len(re.findall(of_a_day + r" over \(day = .* AND 0 < quantity\) \(reverse\)", plan)) == 4
    assert "Sort" not in plan


@pytest.mark.skipif(
    "(c := __import__('django').db.connection).vendor != 'mysql' or c.mysql_is_mariadb",
    reason="reads the plan of MySQL",
)
def test_the_admins_list_is_read_in_the_order_of_the_index(
    record_many: Callable[[int], None],
) -> None:
    record_many(2_000)
    admin = site.get_model_admin(DailyProductSales)
    listed = DailyProductSales.objects.order_by(*admin.ordering)[:50]
    plan = listed.explain(format="TREE")
    assert "daily_sales_best_idx (reverse)" in plan
    assert "Sort" not in plan
