"""What anyone may ask has an `ETag`, answers 304, and is compressed; nothing else does."""

import gzip
import json

import pytest

from conftest import client_of
from orders.tests.conftest import buy

pytestmark = pytest.mark.django_db

PUBLIC = [
    "products/",
    "products/{product}/",
    "products/?search=%ED%85%80&ordering=price",
    "categories/",
    "coupons/",
    "coupons/{coupon}/",
    "stats/top-products/",
]
OWN = ["users/me/", "users/me/balance/", "users/me/balance/transactions/", "users/me/coupons/"]
"""A member's data: the same mechanism must leave all of it alone."""


@pytest.fixture
def url(product, coupon):
    return lambda path: f"/api/v1/{path.format(product=product.pk, coupon=coupon.pk)}"


@pytest.mark.parametrize("path", PUBLIC)
def test_who_has_the_answer_gets_it_no_second_time(api, url, path):
    first = api.get(url(path))

    again = api.get(url(path), HTTP_IF_NONE_MATCH=f'"another", {first["ETag"]}')

    assert first.status_code == 200
    assert first["Cache-Control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert again["X-Request-ID"]


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("named", ['"another"', "nonsense", '""', "W/", "é", '"a" "b"'])
def test_who_names_another_gets_the_answer(api, url, path, named):
    answer = api.get(url(path), HTTP_IF_NONE_MATCH=named)

    assert answer.status_code == 200
    assert answer.json()


@pytest.mark.parametrize("path", [*PUBLIC, "schema"])
@pytest.mark.parametrize(
    "precondition",
    [
        {"HTTP_IF_MATCH": '"another"'},
        {"HTTP_IF_MATCH": 'W/"another"', "HTTP_IF_NONE_MATCH": '"another"'},
        {"HTTP_IF_UNMODIFIED_SINCE": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"HTTP_IF_MODIFIED_SINCE": "Wed, 21 Oct 2099 07:28:00 GMT"},
        {"HTTP_IF_RANGE": '"another"', "HTTP_RANGE": "bytes=0-1"},
    ],
    ids=str,
)
def test_a_read_knows_no_other_precondition(api, url, path, precondition):
    """A 412 would be an error that has neither the format of errors nor a use for who reads."""
    address = "/api/schema/" if path == "schema" else url(path)

    answer = api.get(address, **precondition)

    assert answer.status_code == 200
    assert answer.content


def test_what_is_not_sent_again_varies_as_what_was_sent(api, url):
    first = api.get(url("products/"))
    again = api.get(url("products/"), HTTP_IF_NONE_MATCH=first["ETag"])

    assert first["Vary"] == again["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        *((text, None) for text in ("gzip;q=0", "br, gzip; q=0.000", "GZIP;Q=0, br", "identity")),
        *((text, "gzip") for text in ("gzip", "gzip;q=0.5", "br;q=0, gzip", "gzip;q=1, br;q=0")),
    ],
)
def test_who_refuses_compression_gets_none(api, accepted, encoding):
    answer = api.get("/api/schema/", HTTP_ACCEPT_ENCODING=accepted)

    assert answer.get("Content-Encoding") == encoding


def test_any_answer_will_do_for_who_says_so(api, url):
    assert api.get(url("products/"), HTTP_IF_NONE_MATCH="*").status_code == 304


@pytest.mark.parametrize("path", ["products/", "products/{product}/", "stats/top-products/"])
def test_a_sale_changes_the_answer(api, client, product, url, path):
    before = api.get(url(path))
    assert buy(client, (product.pk, 1)).status_code == 201

    after = api.get(url(path), HTTP_IF_NONE_MATCH=before["ETag"])

    assert after.status_code == 200
    assert after["ETag"] != before["ETag"]
    assert after.json() != before.json()


@pytest.mark.parametrize("path", ["coupons/", "coupons/{coupon}/"])
def test_a_coupon_that_leaves_changes_the_answer(api, client, coupon, url, path):
    before = api.get(url(path))
    assert client.post(f"/api/v1/coupons/{coupon.pk}/issue/").status_code == 201

    assert api.get(url(path), HTTP_IF_NONE_MATCH=before["ETag"]).status_code == 200


@pytest.mark.parametrize("path", OWN)
def test_a_members_data_has_no_tag(client, url, path):
    answer = client.get(url(path), HTTP_ACCEPT_ENCODING="gzip")

    assert answer.status_code == 200
    assert not {"ETag", "Content-Encoding"} & set(answer.headers)


def test_one_order_has_no_tag(client, product):
    order = buy(client, (product.pk, 1)).json()["id"]

    answer = client.get(f"/api/v1/orders/{order}/", HTTP_IF_NONE_MATCH="*")

    assert answer.status_code == 200
    assert "ETag" not in answer


@pytest.mark.parametrize(
    ("path", "status"), [("products/?page_size=0", 400), ("products/999999/", 404)]
)
def test_an_error_has_no_tag(api, url, path, status):
    answer = api.get(url(path), HTTP_IF_NONE_MATCH="*")

    assert answer.status_code == status
    assert "ETag" not in answer


def test_head_tells_the_tag(api, url):
    answer = api.head(url("products/"))

    assert answer["ETag"] == api.get(url("products/"))["ETag"]
    assert api.head(url("products/"), HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304


def test_a_long_answer_is_compressed_for_who_can_read_it(api, make_product, url):
    for _ in range(10):
        make_product()
    plain = api.get(url("products/"))

    packed = api.get(url("products/"), HTTP_ACCEPT_ENCODING="br;q=1.0, gzip")

    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(plain.content) / 2
    assert json.loads(gzip.decompress(packed.content)) == plain.json()
    assert "Accept-Encoding" in packed["Vary"]
    again = api.get(url("products/"), HTTP_IF_NONE_MATCH=packed["ETag"])
    assert again.status_code == 304


def test_a_short_answer_is_left_as_it_is(api, url):
    answer = api.get(url("products/{product}/"), HTTP_ACCEPT_ENCODING="gzip")

    assert "Content-Encoding" not in answer


def test_signed_in_members_are_answered_alike(api, member, url):
    assert client_of(member).get(url("products/"))["ETag"] == api.get(url("products/"))["ETag"]
