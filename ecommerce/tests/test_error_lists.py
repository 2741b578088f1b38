"""How much of what is wrong an answer tells: 20 errors at most, each no longer than is of use."""

import json

import pytest
from rest_framework.exceptions import ErrorDetail, ValidationError

from common.api.exception_handler import ErrorFormatter
from ecommerce.tests.expectations import nothing_changes, refusal

CHARGE = "/api/v1/users/me/balance/charge/"
ORDERS = "/api/v1/orders/"

pytestmark = pytest.mark.django_db


def unknown(count):
    return {f"x{number}": 1 for number in range(count)}


@pytest.mark.parametrize(("sent", "named", "cut"), [(19, 19, 0), (20, 20, 0), (21, 19, 1)])
def test_twenty_errors_are_listed_or_nineteen_and_that_there_are_more(client, sent, named, cut):
    with nothing_changes():
        answer = client.post(CHARGE, {"amount": 1_000, **unknown(sent)})

    errors = [("unknown_field", f"x{number}") for number in range(named)]
    errors += [("too_many_errors", None)] * cut
    assert refusal(answer) == (400, "validation_error", errors)


def test_of_the_lines_of_an_order_as_many_are_told(client):
    line = {"product": "x", "quantity": 0}

    answer = client.post(ORDERS, {"items": [line] * 50})

    errors = [
        error
        for number in range(10)
        for error in (
            ("invalid", f"items.{number}.product"),
            ("min_value", f"items.{number}.quantity"),
        )
    ]
    errors[19] = ("too_many_errors", None)
    assert refusal(answer) == (400, "validation_error", errors)


def test_of_the_products_of_an_order_too(client, make_product):
    products = [make_product(stock=0) for _ in range(21)]
    missing = [{"product": 10**9 + number, "quantity": 1} for number in range(21)]

    with nothing_changes():
        unknown_ones = client.post(ORDERS, {"items": missing})
        short = client.post(
            ORDERS, {"items": [{"product": product.pk, "quantity": 1} for product in products]}
        )

    assert refusal(unknown_ones)[2] == [
        *(("does_not_exist", f"items.{number}.product") for number in range(19)),
        ("too_many_errors", None),
    ]
    assert (short.status_code, refusal(short)[2]) == (
        409,
        [
            *(("out_of_stock", f"items.{number}.quantity") for number in range(19)),
            ("too_many_errors", None),
        ],
    )


def test_parameters_of_a_query_are_counted_with_the_others(client):
    answer = client.get(ORDERS, {"page_size": "0", **unknown(21)})

    assert [code for code, _ in refusal(answer)[2]] == ["unknown_field"] * 19 + ["too_many_errors"]


@pytest.mark.parametrize(
    ("name", "attr"),
    [
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        ("가" * 10_000, "가" * 99 + "…"),
        ("\ud800" * 5, "?????"),
    ],
)
def test_a_name_is_repeated_as_far_as_it_can_be(client, name, attr):
    body = json.dumps({"amount": 1_000, name: 1}).encode()

    answer = client.generic("POST", CHARGE, body, "application/json")

    assert refusal(answer)[2] == [("unknown_field", attr)]


def test_a_text_that_repeats_what_was_sent_is_cut(api):
    answer = api.get("/api/v1/products/", {"ordering": "x" * 5_000})

    (error,) = answer.json()["errors"]
    assert (error["code"], error["attr"]) == ("invalid_choice", "ordering")
    assert len(error["detail"]) == 300
    assert error["detail"].endswith("…")


def items_of(detail):
    body = ErrorFormatter(ValidationError(detail), None, None).run()
    return [(error["code"], error["detail"], error["attr"]) for error in body["errors"]]


def test_errors_within_errors_are_listed_from_the_outside_in():
    plain, nested = ErrorDetail("plain", "p"), ErrorDetail("nested", "n")

    assert items_of([plain, nested]) == [("p", "plain", None), ("n", "nested", None)]
    assert items_of({"a": {"b": [nested]}, "c": [plain]}) == [
        ("p", "plain", "c"),
        ("n", "nested", "a.b"),
    ]
    assert items_of({"a": [{}, {"b": [nested, plain]}]}) == [
        ("n", "nested", "a.1.b"),
        ("p", "plain", "a.1.b"),
    ]
    assert items_of({"a": {3: {"b": [nested]}, 7: {"b": [plain]}}}) == [
        ("n", "nested", "a.3.b"),
        ("p", "plain", "a.7.b"),
    ]
    assert items_of({"a": {"": [[nested]]}}) == [("n", "nested", "a..0")]
