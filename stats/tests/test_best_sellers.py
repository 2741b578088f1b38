"""What sells best: all sales added up, and what a process remembers of that."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from common import remembered
from products.models import Product
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


@pytest.mark.parametrize("most", [1, 3, 40])
def test_it_is_what_adding_up_all_sales_gives(most: int, products: list[Product]) -> None:
    rng = Random(f"{most}")
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


def test_withdrawn_best_sellers_do_not_hide_the_next(products: list[Product]) -> None:
    withdrawn = [product for product in products if not product.is_active]
    sold = products[4]
    record({(product, SUNDAY): (10, 10) for product in withdrawn} | {(sold, SUNDAY): (1, 1)})
    assert len(withdrawn) > 1
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


@pytest.mark.skipif(
    "(c := __import__('django').db.connection).vendor != 'mysql' or c.mysql_is_mariadb",
    reason="reads the plan of MySQL",
)
def test_the_sum_reads_nothing_but_an_index_of_these_days(
    record_many: Callable[[int], None],
) -> None:
    record_many(2_000)
    with CaptureQueriesContext(connection) as context:
        best(DAYS[0], DAYS[3], 5)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN FORMAT=TREE {context[0]['sql']}")
        plan = cursor.fetchone()[0]
    assert "Covering index range scan on stats_dailyproductsales using daily_sales_best_idx" in plan


# --- Remembered -----------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1e9)
    monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def pieces(client: APIClient) -> list[int]:
    """The pieces sold of the best sellers, as they are told over HTTP."""
    answer = client.get("/api/v1/stats/top-products/")
    assert answer.status_code == 200
    return [row["quantity"] for row in answer.json()["results"]]


@pytest.mark.django_db(transaction=True)
def test_a_second_long_the_database_is_not_asked_again(
    api: APIClient,
    product: Product,
    clock: SimpleNamespace,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    record({(product, timezone.localdate()): (2, 20)})
    assert pieces(api) == [2]
    DailyProductSales.objects.update(quantity=3)  # as another process would
    clock.now += 0.99
    with django_assert_num_queries(0):
        assert pieces(api) == [2]
    clock.now += 0.01
    assert pieces(api) == [3]


@pytest.mark.django_db(transaction=True)
def test_with_no_seconds_each_request_asks(
    api: APIClient, product: Product, clock: SimpleNamespace, settings: Any
) -> None:
    settings.BEST_SELLERS_MEMORY_SECONDS = 0
    record({(product, timezone.localdate()): (2, 20)})
    assert pieces(api) == [2]
    DailyProductSales.objects.update(quantity=3)
    assert pieces(api) == [3]


@pytest.mark.django_db(transaction=True)
def test_an_order_in_the_same_process_is_told_at_once(
    api: APIClient, product: Product, sell: Any, cancel: Any
) -> None:
    assert pieces(api) == []
    order = sell((product, 2))
    assert pieces(api) == [2]
    cancel(order)
    assert pieces(api) == []


@pytest.mark.django_db(transaction=True)
def test_limits_are_cut_from_one_answer(
    api: APIClient, products: list[Product], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    today = timezone.localdate()
    record({(product, today): (number + 1, 1) for number, product in enumerate(products)})
    url = "/api/v1/stats/top-products/"
    on_sale = [product.pk for product in reversed(products) if product.is_active]
    best = api.get(url, {"limit": 50}).json()["results"]
    assert [row["product"]["id"] for row in best] == on_sale
    with django_assert_num_queries(0):
        assert api.get(url, {"limit": 1}).json()["results"] == best[:1]


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
