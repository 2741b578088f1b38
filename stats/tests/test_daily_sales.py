"""Daily sales: kept by record_sales and take_back_sales, and guarded by the database."""

from datetime import date

import pytest
from django.db.models import ProtectedError

from ecommerce.tests.expectations import database_refuses, nothing_changes
from stats.models import DailyProductSales
from stats.services import Sold, record_sales, take_back_sales

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)

pytestmark = pytest.mark.django_db


def rows():
    stored = DailyProductSales.objects.order_by("product", "day")
    return list(stored.values_list("product", "day", "quantity", "revenue"))


@pytest.fixture
def products(make_product):
    return [make_product() for _ in range(3)]


def test_sales_are_added_to_their_days(products):
    first, second, _ = products
    record_sales({(first.pk, MONDAY): Sold(2, 200)})
    kept = DailyProductSales.objects.get().pk

    record_sales(
        {
            (second.pk, MONDAY): Sold(1, 50),
            (first.pk, TUESDAY): Sold(4, 400),
            (first.pk, MONDAY): Sold(3, 330),
        }
    )

    assert rows() == [
        (first.pk, MONDAY, 5, 530),
        (first.pk, TUESDAY, 4, 400),
        (second.pk, MONDAY, 1, 50),
    ]
    assert DailyProductSales.objects.get(product=first, day=MONDAY).pk == kept


def test_sales_are_taken_back_out_of_their_days(products):
    first, second, _ = products
    record_sales({(first.pk, MONDAY): Sold(5, 530), (second.pk, TUESDAY): Sold(2, 20)})

    take_back_sales({(first.pk, MONDAY): Sold(2, 200), (second.pk, TUESDAY): Sold(2, 20)})

    assert rows() == [(first.pk, MONDAY, 3, 330), (second.pk, TUESDAY, 0, 0)]


def test_statements_do_not_grow_with_the_products(products, django_assert_num_queries):
    for count, statements in ((1, 2), (3, 3), (3, 2)):  # new ones; old and new ones; old ones
        with django_assert_num_queries(statements):
            record_sales({(product.pk, MONDAY): Sold(1, 1) for product in products[:count]})


@pytest.mark.parametrize("write", [record_sales, take_back_sales])
def test_nothing_sold_asks_nothing(django_assert_num_queries, write):
    with django_assert_num_queries(0):
        write({})


@pytest.mark.parametrize(
    ("sold", "constraint"),
    [
        (Sold(3, 0), "daily_sales_quantity_gte_0"),
        (Sold(0, 201), "daily_sales_revenue_gte_0"),
    ],
)
def test_no_more_can_be_taken_back_than_was_sold(product, sold, constraint):
    record_sales({(product.pk, MONDAY): Sold(2, 200)})

    with nothing_changes(), database_refuses(constraint):
        take_back_sales({(product.pk, MONDAY): sold})


def test_a_product_has_one_row_a_day(product):
    row = DailyProductSales(product=product, day=MONDAY)
    row.save()
    row.pk = None

    with database_refuses(r"daily_sales_product_day_uniq|sales.product_id, \w+.day"):
        DailyProductSales.objects.bulk_create([row])


def test_a_product_that_was_sold_cannot_be_deleted(product):
    record_sales({(product.pk, MONDAY): Sold(1, 1_000)})

    with nothing_changes(), pytest.raises(ProtectedError):
        product.delete()


def test_a_row_is_readable(product):
    row = DailyProductSales(product=product, day=MONDAY, quantity=1_234, revenue=1)

    assert str(row) == "2026-11-23 스테인리스 텀블러: 1,234"
