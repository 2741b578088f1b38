"""Queries that are compiled once say what Django would say each time."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from common.db import compiled
from common.db.compiled import Compiled, update_of
from coupons.models import Coupon
from products.models import Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def products() -> list[Product]:
    return [
        Product.objects.create(name=f"상품 {number}", price=number, stock=7)
        for number in range(1, 4)
    ]


def of_price(*prices: int):
    return Product.objects.filter(price__in=prices, is_active=True).order_by("price")


def test_the_rows_are_those_of_the_query(products):
    query = Compiled(lambda *prices: of_price(*prices).values_list("price", "name"))
    assert list(query.rows(3, 1)) == [(1, "상품 1"), (3, "상품 3")]
    assert list(query.rows(2, 4)) == [(2, "상품 2")]
    assert list(query.rows(2, 2)) == [(2, "상품 2")]
    assert list(query.rows(4, 5, 6)) == []


def test_the_objects_are_whole(products):
    (found,) = Compiled(of_price).objects(2)
    with CaptureQueriesContext(connection) as asked:
        assert found == products[1]
        assert {field.attname: getattr(found, field.attname) for field in Product._meta.fields} == {
            field.attname: getattr(products[1], field.attname) for field in Product._meta.fields
        }
    assert len(asked) == 0


def test_the_statement_is_djangos(products):
    with CaptureQueriesContext(connection) as once:
        Compiled(of_price).objects(1, 3)
    with CaptureQueriesContext(connection) as each_time:
        list(of_price(1, 3))
    assert once[0]["sql"] == each_time[0]["sql"]


def test_it_is_built_once_for_each_number_of_values(products):
    built = []

    def build(*prices: int):
        built.append(len(prices))
        return of_price(*prices)

    query = Compiled(build)
    for prices in [(1,), (2,), (1, 2), (3, 1), (3,)]:
        query.rows(*prices)
    assert built == [1, 2]


def test_long_lists_are_answered_and_not_kept(products):
    query = Compiled(of_price)
    prices = range(2, compiled.KEPT + 3)
    assert query.objects(*prices) == products[1:]
    assert query._kept.cache_info().currsize == 0


def test_a_field_of_32_bits_is_asked_too(coupon):
    of_days = Compiled(lambda days: Coupon.objects.filter(valid_days=days))
    assert of_days.objects(coupon.valid_days) == [coupon]
    assert of_days.objects(coupon.valid_days + 1) == []


def test_among_no_values_nothing_is_asked(products):
    query = Compiled(of_price)
    none_changed = Compiled(lambda *pks: update_of(Product.objects.filter(pk__in=pks), stock=0))
    with CaptureQueriesContext(connection) as asked:
        assert query.rows() == query.objects() == []
        assert none_changed.execute() == 0
    assert len(asked) == 0


def test_an_update_writes_and_counts(products):
    change = Compiled(lambda pk, stock: update_of(Product.objects.filter(pk=pk), stock=stock))
    assert change.execute(products[0].pk, 5) == 1
    assert change.execute(0, 9) == 0
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [5, 7, 7]


def test_an_update_that_fails_leaves_a_transaction_that_can_only_be_undone(products):
    change = Compiled(lambda pk, stock: update_of(Product.objects.filter(pk=pk), stock=stock))
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            change.execute(products[0].pk, -1)
        assert connection.needs_rollback
        with pytest.raises(TransactionManagementError):
            change.execute(products[1].pk, 5)
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [7, 7, 7]


def test_each_value_must_be_a_parameter(products):
    half = Compiled(lambda price, ignored: of_price(price))
    with pytest.raises(ValueError, match="each value"):
        half.rows(1, 2)
    changed = Compiled(lambda price: of_price(price + 1))
    with pytest.raises(ValueError, match="each value"):
        changed.rows(1)


@pytest.mark.django_db(transaction=True)
def test_a_lock_needs_a_transaction():
    if not connection.features.has_select_for_update:
        pytest.skip("there the lock is the whole database's")
    product = Product.objects.create(name="a", price=1, stock=1)
    query = Compiled(lambda pk: Product.objects.select_for_update().filter(pk=pk))
    for _ in range(2):  # when it is compiled, and when it is not any more
        with transaction.atomic():
            assert query.objects(product.pk) == [product]
        with pytest.raises(TransactionManagementError):
            query.objects(product.pk)
