"""Creating products, and every way in which their stock changes."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ecommerce.tests.expectations import database_refuses, nothing_changes
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.threads import run_together
from products.errors import OutOfStock, SkuTaken, StockLimitExceeded
from products.models import PRICE_MAX, STOCK_MAX, Category, Product, StockAdjustment
from products.services import (
    adjust_stock,
    change_product,
    create_product,
    lock_products,
    return_stock,
    save_stock,
    take_stock,
)

pytestmark = pytest.mark.django_db

happened_or_not = pytest.mark.parametrize("happened", [True, False])


def adjustments():
    rows = StockAdjustment.objects.order_by("id")
    return list(rows.values_list("product__name", "quantity", "stock_after", "reason"))


# --- Creating -----------------------------------------------------------------------------------


def test_a_product_is_created_with_its_opening_stock(kitchen, make_member):
    staff = make_member(is_staff=True)

    product = create_product(
        name="텀블러",
        price=18_900,
        stock=240,
        description="보온",
        category=kitchen,
        staff_id=staff.pk,
    )

    product.refresh_from_db()
    assert (product.name, product.price, product.stock) == ("텀블러", 18_900, 240)
    assert (product.description, product.category, product.is_active) == ("보온", kitchen, True)
    assert adjustments() == [("텀블러", 240, 240, "opening stock")]
    assert StockAdjustment.objects.get().created_by == staff
    assert str(product) == "텀블러"
    assert str(StockAdjustment.objects.get()) == "텀블러: +240 (opening stock)"


def test_a_product_without_stock_has_no_adjustment():
    product = create_product(name="머그", price=0)

    assert (product.price, product.stock, product.category) == (0, 0, None)
    assert adjustments() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"price": -1}, "price"),
        ({"price": 1_000_000_001}, "price"),
        ({"price": None}, "price"),
        ({"price": "cheap"}, "price"),
        ({"stock": -1}, "stock"),
        ({"stock": 1_000_000_001}, "stock"),
        ({"stock": None}, "stock"),
        ({"category": Category(pk=10**6, name="gone", slug="gone")}, "category"),
    ],
)
def test_a_product_out_of_bounds_is_not_created(changes, field):
    with nothing_changes(), pytest.raises(ValidationError) as refused:
        create_product(**({"name": "머그", "price": 1, "stock": 1} | changes))

    assert list(refused.value.message_dict) == [field]


@pytest.mark.django_db(transaction=True)
@happened_or_not
@pytest.mark.parametrize("stock", [0, 5])
def test_a_product_whose_commit_was_lost_is_created_once(happened, stock):
    with lost_commits(happened=happened):
        product = create_product(name="머그", price=1, stock=stock)

    assert Product.objects.get() == product
    assert Product.objects.get().stock == stock
    assert adjustments() == ([("머그", 5, 5, "opening stock")] if stock else [])


@pytest.mark.django_db(transaction=True)
def test_a_product_that_another_makes_after_our_commit_was_lost_is_theirs(
    make_product, monkeypatch
):
    monkeypatch.setattr(
        "common.db.transactions.pause", lambda _: make_product(sku="MUG-1", name="theirs")
    )
    with lost_commits(happened=False), pytest.raises(SkuTaken):
        create_product(sku="MUG-1", name="ours", price=1)

    assert Product.objects.get().name == "theirs"


@pytest.mark.parametrize("most", [PRICE_MAX, STOCK_MAX])
def test_a_product_may_go_to_its_bounds(most):
    product = create_product(name="x" * 200, price=most, stock=most)

    product.refresh_from_db()
    assert (product.price, product.stock, len(product.name)) == (most, most, 200)


# --- Changing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"price": -1}, "price"),
        ({"price": PRICE_MAX + 1}, "price"),
        ({"price": None}, "price"),
        ({"sku": "=1+1"}, "sku"),
    ],
)
def test_a_change_out_of_bounds_is_not_made(product, changes, field):
    with nothing_changes(), pytest.raises(ValidationError) as refused:
        change_product(product_id=product.pk, **changes)

    assert list(refused.value.message_dict) == [field]


def test_a_change_may_go_to_the_bounds(product):
    change_product(product_id=product.pk, name="x" * 200, price=PRICE_MAX, sku="A" * 64)

    product.refresh_from_db()
    assert (len(product.name), product.price, len(product.sku)) == (200, PRICE_MAX, 64)


# --- Adjusting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "stock"), [(5, 15), (-3, 7), (-10, 0), (999_999_990, 10**9)])
def test_staff_adjust_stock_for_a_reason(product, make_member, quantity, stock):
    staff = make_member(is_staff=True)

    adjustment = adjust_stock(
        product_id=product.pk, quantity=quantity, reason=" a delivery ", staff_id=staff.pk
    )

    adjustment.refresh_from_db()
    product.refresh_from_db()
    assert (adjustment.quantity, adjustment.stock_after) == (quantity, stock)
    assert (adjustment.reason, adjustment.created_by) == ("a delivery", staff)
    assert product.stock == stock


@pytest.mark.parametrize(
    ("quantity", "error"),
    [
        (-11, OutOfStock),
        (-(10**30), OutOfStock),
        (999_999_991, StockLimitExceeded),
        (10**30, StockLimitExceeded),
    ],
)
def test_an_adjustment_keeps_the_stock_within_its_bounds(product, quantity, error):
    with nothing_changes(), pytest.raises(error):
        adjust_stock(product_id=product.pk, quantity=quantity, reason="a mistake")


@pytest.mark.parametrize(("quantity", "reason"), [(0, "why"), (5, ""), (5, " \t"), (5, "x" * 201)])
def test_an_adjustment_needs_a_quantity_and_a_reason(product, quantity, reason):
    with nothing_changes(), pytest.raises(ValueError, match="a quantity, and a reason"):
        adjust_stock(product_id=product.pk, quantity=quantity, reason=reason)


@pytest.mark.parametrize("length", [1, 200])
def test_a_reason_may_be_as_short_and_as_long_as_it_may(product, length):
    adjustment = adjust_stock(product_id=product.pk, quantity=1, reason=f" {'x' * length} ")

    adjustment.refresh_from_db()
    assert adjustment.reason == "x" * length
    assert re.fullmatch(r"STK-[0-9A-Z]{16}", adjustment.reference)


def test_an_unknown_products_stock_is_not_adjusted(product):
    with nothing_changes(), pytest.raises(Product.DoesNotExist):
        adjust_stock(product_id=product.pk + 1, quantity=5, reason="a mistake")


def test_an_inactive_products_stock_is_adjusted(make_product):
    product = make_product(is_active=False)

    assert adjust_stock(product_id=product.pk, quantity=1, reason="found").stock_after == 11


def test_an_adjustment_writes_the_stock_and_nothing_else_of_the_product(product):
    queries = CaptureQueriesContext(connection)
    with queries:
        adjust_stock(product_id=product.pk, quantity=1, reason="found")

    (update,) = (query["sql"] for query in queries if query["sql"].startswith("UPDATE"))
    assert update.count("=") == 2  # one column set, one condition
    assert "stock" in update


@pytest.mark.django_db(transaction=True)
@happened_or_not
def test_an_adjustment_whose_commit_was_lost_is_made_once(product, happened):
    with lost_commits(happened=happened):
        adjustment = adjust_stock(product_id=product.pk, quantity=-4, reason="broken")

    product.refresh_from_db()
    assert (adjustment.quantity, adjustment.stock_after, product.stock) == (-4, 6, 6)
    assert StockAdjustment.objects.latest("id") == adjustment
    assert StockAdjustment.objects.count() == 2


# --- What orders build on -----------------------------------------------------------------------


def test_products_are_locked_in_the_order_of_their_ids(make_product):
    products = [make_product() for _ in range(3)]

    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        locked = lock_products([product.pk for product in reversed(products)])

    assert list(locked) == [product.pk for product in products]
    assert len(queries) == 1
    assert 'ORDER BY "products_product"."id" ASC' in queries[0]["sql"].replace("`", '"')


@pytest.mark.parametrize("ids", [[], [0], [-1], [2**63], [10**30]])
def test_ids_that_no_product_has_lock_nothing(product, ids):
    with transaction.atomic():
        assert lock_products(ids) == {}
        assert lock_products([*ids, product.pk]) == {product.pk: product}


def test_stock_is_taken_to_the_last_piece_and_returned():
    product = Product(stock=3)

    take_stock(product, 3)
    with pytest.raises(OutOfStock):
        take_stock(product, 1)
    assert product.stock == 0
    return_stock(product, 2)
    return_stock(product, 1)

    assert product.stock == 3


@pytest.mark.parametrize("count", [1, 3])
def test_the_stock_of_locked_products_is_written_in_one_statement(
    make_product, django_assert_num_queries, count
):
    for _ in range(count):
        make_product()
    with transaction.atomic():
        locked = lock_products(list(Product.objects.values_list("pk", flat=True)))
        for product in locked.values():
            take_stock(product, 4)
        with django_assert_num_queries(1):
            save_stock(locked.values())

    assert list(Product.objects.values_list("stock", flat=True)) == [6] * count


def test_no_stock_is_written_for_no_products(django_assert_num_queries):
    with django_assert_num_queries(0):
        save_stock([])


# --- What the database itself refuses -----------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [({"price": -1}, "product_price_gte_0"), ({"stock": -1}, "product_stock_gte_0")],
)
def test_a_price_or_stock_below_nothing_is_refused_by_the_database(product, changes, constraint):
    with nothing_changes(), database_refuses(constraint):
        Product.objects.update(**changes)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [({"quantity": 0}, "adjustment_quantity_not_0"), ({"stock_after": -1}, "stock_after_gte_0")],
)
def test_an_adjustment_of_nothing_is_refused_by_the_database(product, changes, constraint):
    with nothing_changes(), database_refuses(constraint):
        StockAdjustment.objects.update(**changes)


# --- Stock keeping units ------------------------------------------------------------------------


def test_products_without_an_sku_get_different_ones():
    made = [create_product(name="mug", price=1), Product.objects.create(name="mug", price=1)]
    skus = {product.sku for product in made}
    assert len(skus) == 2
    assert all(re.fullmatch(r"P-[0-9A-Z]{16}", sku) for sku in skus)


def test_a_taken_sku_is_refused_and_nothing_is_made(make_product):
    make_product(sku="MUG-1")
    with nothing_changes(), pytest.raises(SkuTaken):
        create_product(sku="MUG-1", name="another", price=1)
    assert create_product(sku="mug-1", name="another", price=1).sku == "mug-1"


@pytest.mark.parametrize(
    "sku", ["=1+1", "-5", "@a", "a b", " a", "a\n", "a\tb", "x" * 65, "'a", "a\0"]
)
def test_a_stock_keeping_unit_that_could_be_misread_is_refused(sku):
    with nothing_changes(), pytest.raises(ValidationError):
        create_product(sku=sku, name="mug", price=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_products_with_one_sku_at_the_same_moment_one_is_made():
    def make():
        return create_product(sku="MUG-1", name="mug", price=1, stock=3)

    outcomes = run_together([make, make])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Product", "SkuTaken"]
    assert [(p.sku, p.stock) for p in Product.objects.all()] == [("MUG-1", 3)]
