"""POST /api/v1/orders/: requests that say nothing sensible."""

import pytest

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from orders.tests.conftest import URL, buy

pytestmark = pytest.mark.django_db

LINE = {"product": 1, "quantity": 1}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("required", "items")]),
        ([], [("invalid", "non_field_errors")]),
        ({"items": None}, [("null", "items")]),
        ({"items": []}, [("empty", "items")]),
        ({"items": LINE}, [("not_a_list", "items")]),
        ({"items": "1"}, [("not_a_list", "items")]),
        ({"items": [LINE] * 51}, [("max_length", "items")]),
        ({"items": [1]}, [("invalid", "items.0.non_field_errors")]),
        ({"items": [None]}, [("null", "items.0")]),
        ({"items": [{}]}, [("required", "items.0.product"), ("required", "items.0.quantity")]),
        ({"items": [LINE | {"product": None}]}, [("null", "items.0.product")]),
        ({"items": [LINE | {"product": "one"}]}, [("invalid", "items.0.product")]),
        ({"items": [LINE | {"product": True}]}, [("invalid", "items.0.product")]),
        ({"items": [LINE | {"product": 1.5}]}, [("invalid", "items.0.product")]),
        ({"items": [LINE | {"quantity": 0}]}, [("min_value", "items.0.quantity")]),
        ({"items": [LINE | {"quantity": -1}]}, [("min_value", "items.0.quantity")]),
        ({"items": [LINE | {"quantity": 1_000}]}, [("max_value", "items.0.quantity")]),
        ({"items": [LINE | {"quantity": 10**30}]}, [("max_value", "items.0.quantity")]),
        ({"items": [LINE | {"quantity": 0.5}]}, [("invalid", "items.0.quantity")]),
        ({"items": [LINE | {"quantity": None}]}, [("null", "items.0.quantity")]),
        (
            {"items": [LINE, LINE | {"quantity": 0}, LINE | {"quantity": 1_000}]},
            [("min_value", "items.1.quantity"), ("max_value", "items.2.quantity")],
        ),
        ({"items": [LINE], "coupon": "mine"}, [("invalid", "coupon")]),
        ({"items": [LINE], "coupon": [1]}, [("invalid", "coupon")]),
        ({"items": [LINE], "cupon": 1}, [("unknown_field", "cupon")]),
        ({"items": [LINE], "total": 1}, [("unknown_field", "total")]),
        ({"items": [LINE | {"price": 1}]}, [("unknown_field", "items.0.price")]),
        (
            {"items": [LINE, LINE | {"unit_price": 1}], "discount": 1},
            [("unknown_field", "discount"), ("unknown_field", "items.1.unit_price")],
        ),
    ],
)
def test_a_request_that_says_nothing_sensible_is_refused(client, body, errors):
    with nothing_changes():
        answer = client.post(URL, body)

    assert refusal(answer) == (400, "validation_error", errors)


def test_a_misspelt_coupon_does_not_silently_cost_the_discount(client, product, issue):
    issued = issue()

    with nothing_changes():
        items = [{"product": product.pk, "quantity": 1}]
        answer = client.post(URL, {"items": items, "cupon": issued.pk})

    assert refusal(answer) == refused(400, "unknown_field", "cupon")


def test_a_price_sent_with_a_line_is_refused_rather_than_ignored(client, product):
    with nothing_changes():
        items = [{"product": product.pk, "quantity": 1, "price": 1}]
        answer = client.post(URL, {"items": items})

    assert refusal(answer) == refused(400, "unknown_field", "items.0.price")


@pytest.mark.parametrize("count", [0, 51])
def test_an_order_has_at_least_1_line_and_at_most_50_as_sent(client, product, count):
    with nothing_changes():
        answer = buy(client, *[(product.pk, 1)] * count)

    code = "empty" if count == 0 else "max_length"
    assert refusal(answer) == refused(400, code, "items")


def test_an_unknown_query_parameter_is_refused(client, product):
    with nothing_changes():
        items = [{"product": product.pk, "quantity": 1}]
        answer = client.post(f"{URL}?coupon=1", {"items": items})

    assert refusal(answer) == refused(400, "unknown_field", "coupon")


def test_a_visitor_orders_nothing(api, product):
    with nothing_changes():
        answer = buy(api, (product.pk, 1))

    assert refusal(answer) == refused(401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_deactivated_member_orders_nothing_with_a_token_that_has_not_expired(
    client, member, product
):
    member.is_active = False
    member.save()

    with nothing_changes():
        answer = buy(client, (product.pk, 1))

    assert refusal(answer) == refused(401, "user_inactive")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_member_who_is_gone_orders_nothing(make_member, product):
    gone = make_member()
    client = client_of(gone)
    gone.delete()

    with nothing_changes():
        answer = buy(client, (product.pk, 1))

    assert refusal(answer) == refused(401, "user_inactive")
