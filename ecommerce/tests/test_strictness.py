"""What an endpoint does not know it refuses: nothing that was sent is silently ignored."""

import pytest

from ecommerce.tests.expectations import nothing_changes, refusal, refused

pytestmark = pytest.mark.django_db

GETS = [
    "users/me/",
    "users/me/balance/",
    "users/me/balance/transactions/",
    "users/me/coupons/",
    "products/",
    "products/{product}/",
    "categories/",
    "coupons/",
    "coupons/{coupon}/",
    "orders/",
    "orders/{order}/",
    "stats/top-products/",
]
GOOD_BODIES = {
    "auth/signup/": {"username": "haneul", "password": "correct horse battery"},
    "auth/token/": {"username": "minji", "password": "correct horse battery"},
    "auth/token/refresh/": {"refresh": "x"},
    "auth/token/revoke/": {"refresh": "x"},
    "users/me/balance/charge/": {"amount": 1_000},
    "coupons/{coupon}/issue/": {},
    "orders/": {"items": [{"product": "{product}", "quantity": 1}]},
    "orders/{order}/cancel/": {},
}
POSTS = list(GOOD_BODIES)


@pytest.fixture
def shop(client, product, coupon):
    """A client of a shop with a product, a campaign and an order, which knows their paths."""
    lines = [{"product": product.pk, "quantity": 1}]
    order = client.post("/api/v1/orders/", {"items": lines}).json()
    ids = {"product": product.pk, "coupon": coupon.pk, "order": order["id"]}

    def url(path):
        return "/api/v1/" + path.format(**ids)

    def body(path):
        return {"items": lines} if path == "orders/" else dict(GOOD_BODIES[path])

    client.url, client.body = url, body
    return client


@pytest.mark.parametrize("path", POSTS)
def test_a_body_with_a_field_that_is_not_known_is_refused(shop, path):
    with nothing_changes():
        answer = shop.post(shop.url(path), shop.body(path) | {"cupon": 5})

    assert refusal(answer) == refused(400, "unknown_field", "cupon")


@pytest.mark.parametrize("path", POSTS)
def test_every_field_that_is_not_known_is_named(shop, path):
    with nothing_changes():
        answer = shop.post(shop.url(path), shop.body(path) | {"": 1, "ﾌ": None, "a.b": {}})

    errors = [("unknown_field", ""), ("unknown_field", "ﾌ"), ("unknown_field", "a.b")]
    assert refusal(answer) == (400, "validation_error", errors)


def test_a_field_that_no_answer_could_repeat_is_refused_all_the_same(shop):
    body = rb'{"amount": 1000, "\ud800x": 1}'

    with nothing_changes():
        answer = shop.generic(
            "POST", shop.url("users/me/balance/charge/"), body, "application/json"
        )

    assert refusal(answer) == refused(400, "unknown_field", "?x")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "invalid"),
        (b'[{"amount": 1000}]', "invalid"),
        (b'"amount"', "invalid"),
        (b"1000", "invalid"),
        (b"true", "invalid"),
        (b"null", "null"),
    ],
)
@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_no_object_is_refused(shop, path, body, code):
    with nothing_changes():
        answer = shop.generic("POST", shop.url(path), body, "application/json")

    assert refusal(answer) == refused(400, code, "non_field_errors")


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_broken_or_no_json_is_refused(shop, path):
    with nothing_changes():
        broken = shop.generic("POST", shop.url(path), b"{", "application/json")
        form = shop.generic("POST", shop.url(path), b"a=b", "application/x-www-form-urlencoded")

    assert refusal(broken) == (400, "client_error", [("parse_error", None)])
    assert refusal(form) == refused(415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["coupons/{coupon}/issue/", "orders/{order}/cancel/"])
@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", ""])
def test_where_no_body_is_needed_none_may_be_sent(shop, path, content_type):
    assert shop.generic("POST", shop.url(path), b"", content_type).status_code in (200, 201)


@pytest.mark.parametrize("path", GETS)
def test_a_parameter_that_is_not_known_is_refused(shop, path):
    answer = shop.get(shop.url(path), {"debug": "1"})

    assert refusal(answer) == refused(400, "unknown_field", "debug")


@pytest.mark.parametrize("path", POSTS)
def test_a_parameter_beside_a_body_is_refused(shop, path):
    with nothing_changes():
        answer = shop.post(f"{shop.url(path)}?dry_run=1", shop.body(path))

    assert refusal(answer) == refused(400, "unknown_field", "dry_run")


@pytest.mark.parametrize("path", GETS)
def test_all_parameters_that_are_not_known_are_named_once(shop, path):
    answer = shop.get(f"{shop.url(path)}?b=1&A=2&b=3&=4")

    errors = [("unknown_field", name) for name in ("b", "A", "")]
    assert refusal(answer) == (400, "validation_error", errors)


@pytest.mark.parametrize("path", [path for path in GETS if path.count("{")] + ["users/me/"])
@pytest.mark.parametrize("parameter", ["page_size", "cursor", "ordering", "format"])
def test_what_is_no_list_is_not_paged(shop, path, parameter):
    answer = shop.get(shop.url(path), {parameter: "1"})

    assert refusal(answer) == refused(400, "unknown_field", parameter)
