"""What the database itself refuses of orders, whoever writes."""

from datetime import timedelta

import pytest
from django.db.models import F, ProtectedError

from ecommerce.tests.expectations import database_refuses
from orders.models import Order, OrderItem
from orders.services import cancel_order
from orders.tests.conftest import buy

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued(issue):
    return issue()


@pytest.fixture
def order(client, product, issued):
    """A paid order of 3,000 won less a coupon's 1,000."""
    return Order.objects.get(pk=buy(client, (product.pk, 3), coupon=issued.pk).json()["id"])


@pytest.fixture
def cancelled(order):
    cancel_order(order_id=order.pk)
    order.refresh_from_db()
    return order


def update(order, **values):
    return Order.objects.filter(pk=order.pk).update(**values)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"total": 1_999}, "order_total_adds_up"),
        ({"subtotal": 3_001}, "order_total_adds_up"),
        ({"discount": 0}, "order_total_adds_up"),
        ({"discount": -1, "total": 3_001}, "order_discount_within_subtotal"),
        ({"discount": 3_001, "total": -1}, "order_discount_within_subtotal"),
        ({"status": "cancelled", "redeemed_coupon": None}, "order_cancelled_at_matches_status"),
        ({"cancelled_at": F("created_at")}, "order_cancelled_at_matches_status"),
        ({"status": "shipped"}, "order_(cancelled_at_matches_status|redeemed_coupon_while_paid)"),
        (
            {"status": "cancelled", "cancelled_at": F("created_at")},
            "order_redeemed_coupon_while_paid",
        ),
        ({"redeemed_coupon": None}, "order_redeemed_coupon_while_paid"),
        ({"coupon": None}, "order_redeemed_coupon_while_paid"),
    ],
)
def test_a_paid_order_cannot_contradict_itself(order, values, constraint):
    with database_refuses(constraint):
        update(order, **values)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"cancelled_at": None}, "order_cancelled_at_matches_status"),
        ({"redeemed_coupon": F("coupon")}, "order_redeemed_coupon_while_paid"),
        ({"status": "paid", "cancelled_at": None}, "order_redeemed_coupon_while_paid"),
    ],
)
def test_a_cancelled_order_cannot_contradict_itself(cancelled, values, constraint):
    with database_refuses(constraint):
        update(cancelled, **values)


def test_the_coupon_that_is_redeemed_is_the_orders_own(order, issue):
    another = issue()

    with database_refuses("order_redeemed_coupon_while_paid"):
        update(order, redeemed_coupon=another)


def test_an_order_without_a_coupon_redeems_none(client, product, issued):
    order = Order.objects.get(pk=buy(client, (product.pk, 1)).json()["id"])

    with database_refuses("order_redeemed_coupon_while_paid"):
        update(order, redeemed_coupon=issued)


def test_a_coupon_that_is_gone_from_a_cancelled_order_may_be(cancelled):
    assert update(cancelled, coupon=None) == 1


def test_an_order_may_go_to_its_bounds(order):
    assert update(order, discount=3_000, total=0) == 1
    assert update(order, discount=0, total=3_000) == 1
    assert update(order, subtotal=0, discount=0, total=0) == 1


def a_second(order, **values):
    """A copy of the order, with another number and no coupon unless said."""
    fields = {"number": "ORD-2", "coupon": None, "redeemed_coupon": None} | values
    copy = Order.objects.get(pk=order.pk)
    copy.pk = None
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def test_two_orders_cannot_have_one_number(order):
    with database_refuses(r"orders_order\.number|key 'number'"):
        Order.objects.bulk_create([a_second(order, number=order.number)])


def test_numbers_are_told_apart_by_case(order):
    update(order, number="ORD-x")

    Order.objects.bulk_create([a_second(order, number="ORD-X")])

    assert Order.objects.count() == 2


def test_one_coupon_cannot_pay_two_orders(order, issued):
    second = a_second(order, coupon=issued, redeemed_coupon=issued)

    with database_refuses("redeemed_coupon_id"):
        Order.objects.bulk_create([second])


def test_a_members_key_stands_on_one_order(order):
    update(order, idempotency_key="k" * 64)

    with database_refuses(r"order_user_idempotency_key_uniq|order\.idempotency_key, \w+\.user_id"):
        Order.objects.bulk_create([a_second(order, idempotency_key="k" * 64)])


@pytest.mark.parametrize("key", [None, "K" * 64])
def test_other_keys_and_none_at_all_may_stand_beside_it(order, key):
    update(order, idempotency_key=None if key is None else "k" * 64)

    Order.objects.bulk_create([a_second(order, idempotency_key=key)])

    assert Order.objects.count() == 2


def test_another_member_may_have_the_same_key(order, make_member):
    update(order, idempotency_key="k" * 64)

    Order.objects.bulk_create([a_second(order, idempotency_key="k" * 64, user=make_member())])

    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"quantity": 0, "line_total": 0}, "item_quantity_gte_1"),
        ({"quantity": -1, "line_total": -1_000}, "item_quantity_gte_1"),
        ({"unit_price": -1, "line_total": -3}, "item_unit_price_gte_0"),
        ({"line_total": 2_999}, "item_line_total_adds_up"),
        ({"unit_price": 999}, "item_line_total_adds_up"),
        ({"quantity": 4}, "item_line_total_adds_up"),
    ],
)
def test_a_line_cannot_contradict_itself(order, values, constraint):
    with database_refuses(constraint):
        OrderItem.objects.filter(order=order).update(**values)


def test_an_order_has_one_line_of_a_product(order):
    line = order.items.get()
    line.pk = None

    with database_refuses(r"item_order_product_uniq|orderitem.order_id, \w+.product_id"):
        OrderItem.objects.bulk_create([line])


def test_what_an_order_is_about_cannot_be_deleted(order, product, issued, member):
    for target in (order, product, issued, member):
        with pytest.raises(ProtectedError):
            target.delete()

    assert OrderItem.objects.filter(order=order, product=product).exists()


def test_orders_and_lines_are_readable(order):
    line = order.items.get()
    line.quantity = 1_234

    assert str(order) == order.number
    assert str(line) == "스테인리스 텀블러 × 1,234"


def test_the_day_of_an_order_is_kept_whatever_its_time(order):
    day = order.day

    assert update(order, created_at=order.created_at + timedelta(days=1)) == 1
    order.refresh_from_db()
    assert order.day == day
