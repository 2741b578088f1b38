"""GET /api/v1/products/{id}/"""

from datetime import UTC, datetime

import pytest

from ecommerce.tests.expectations import refusal, refused
from products.services import adjust_stock

pytestmark = pytest.mark.django_db


def url_of(pk):
    return f"/api/v1/products/{pk}/"


@pytest.mark.time_machine(datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC), tick=False)
def test_anyone_sees_a_product(api, make_product, kitchen):
    product = make_product(
        sku="T-500", name="텀블러", price=18_900, stock=240, description="보온", category=kitchen
    )

    answer = api.get(url_of(product.pk))

    assert answer.status_code == 200
    assert answer.json() == {
        "id": product.pk,
        "sku": "T-500",
        "name": "텀블러",
        "description": "보온",
        "category": {"id": kitchen.pk, "name": "주방", "slug": "kitchen"},
        "price": 18_900,
        "stock": 240,
        "created_at": "2026-11-23T10:00:00.123456+09:00",
    }


def test_it_is_the_same_as_in_the_list(api, product):
    (listed,) = api.get("/api/v1/products/").json()["results"]

    assert api.get(url_of(product.pk)).json() == listed


def test_the_stock_is_what_it_is_now(api, product):
    adjust_stock(product_id=product.pk, quantity=-3, reason="broken")

    assert api.get(url_of(product.pk)).json()["stock"] == 7


def test_a_product_takes_one_query(api, product, django_assert_num_queries):
    with django_assert_num_queries(1):
        api.get(url_of(product.pk))


def test_an_inactive_product_is_not_found(api, make_product):
    product = make_product(is_active=False)

    assert refusal(api.get(url_of(product.pk))) == refused(404, "not_found")


@pytest.mark.parametrize(
    "pk", [0, 999_999, 10**18 - 1, 2**63, 10**30, -1, "1.0", "abc", "٣", "1%00", "%20", "1 OR 1=1"]
)
def test_what_is_no_product_is_not_found(api, product, pk):
    assert refusal(api.get(url_of(pk))) == refused(404, "not_found")


@pytest.mark.parametrize("parameter", ["expand", "page_size", "search"])
def test_a_parameter_that_is_not_known_is_refused(api, product, parameter):
    answer = api.get(url_of(product.pk), {parameter: "1"})

    assert refusal(answer) == refused(400, "unknown_field", parameter)
