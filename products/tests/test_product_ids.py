"""GET /api/v1/products/?ids="""

import pytest

from ecommerce.tests.expectations import refusal, refused

URL = "/api/v1/products/"

pytestmark = pytest.mark.django_db


def test_products_come_in_the_order_of_their_ids_on_one_page(api, make_product):
    products = [make_product().pk for _ in range(30)]
    wanted = [products[29], *products[:25], products[27]]

    answer = api.get(URL, {"ids": ",".join(map(str, wanted))})

    assert answer.status_code == 200
    body = answer.json()
    assert [product["id"] for product in body["results"]] == wanted
    assert (body["next"], body["previous"]) == (None, None)


def test_what_is_withdrawn_or_unknown_is_left_out_and_nothing_comes_twice(api, make_product):
    first, second, withdrawn = make_product(), make_product(), make_product(is_active=False)

    ids = f"{second.pk},{withdrawn.pk},0,999999999999999999,{first.pk},{second.pk}"
    answer = api.get(URL, {"ids": ids})

    assert [product["id"] for product in answer.json()["results"]] == [second.pk, first.pk]


def test_other_filters_hold_too(api, make_product):
    cheap, dear = make_product(price=500), make_product(price=5_000)

    answer = api.get(URL, {"ids": f"{dear.pk},{cheap.pk}", "max_price": 1_000, "page_size": 100})

    assert [product["id"] for product in answer.json()["results"]] == [cheap.pk]


def test_nothing_is_found_among_ids_of_nothing(api, product):
    assert api.get(URL, {"ids": "0"}).json()["results"] == []


def test_a_hundred_ids_are_taken_and_one_more_is_not(api, product):
    hundred = ",".join([str(product.pk)] * 100)

    assert api.get(URL, {"ids": hundred}).json()["results"][0]["id"] == product.pk
    assert refusal(api.get(URL, {"ids": hundred + ",1"})) == refused(400, "invalid", "ids")


@pytest.mark.parametrize(
    "ids", [",", "1,", ",1", "1,,2", "1;2", "1 2", "-1", "+1", "1.0", "one", "１", "9" * 19]
)
def test_ids_are_plain_digits_with_commas_between(api, db, ids):
    assert refusal(api.get(URL, {"ids": ids})) == refused(400, "invalid", "ids")


@pytest.mark.parametrize(("name", "value"), [("ordering", "price"), ("cursor", "WyJpZCJd")])
def test_ids_have_an_order_of_their_own(api, product, name, value):
    answer = api.get(URL, {"ids": str(product.pk), name: value})

    assert refusal(answer) == refused(400, "invalid", name)


def test_products_by_ids_take_one_statement(api, make_product, django_assert_num_queries):
    ids = ",".join(str(make_product().pk) for _ in range(5))

    with django_assert_num_queries(1):
        assert len(api.get(URL, {"ids": ids}).json()["results"]) == 5
