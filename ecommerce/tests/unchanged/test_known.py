"""What is known is answered, whole or by a 304, without being made again; and to whom."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.throttling import AnonRateThrottle

from common.api import conditional
from common.api.views import ApiViewSet
from common.errors import Busy
from common.http.bodies import REFUSAL
from common.sources import noted_sources
from conftest import client_of
from coupons.models import Coupon
from ecommerce.tests.unchanged.conftest import URLS, ask, every_url
from products.models import Product
from products.views import ProductViewSet
from users.models import User

pytestmark = pytest.mark.django_db


@every_url
def test_who_can_not_read_the_answer_is_told_so(api: Any, url: str) -> None:
    first = ask(api, url)

    refused = api.get(url, HTTP_IF_NONE_MATCH=first["ETag"], HTTP_ACCEPT="text/csv")

    assert refused.status_code == 406


@pytest.mark.parametrize("url", URLS[:-1], indirect=True)
def test_a_token_is_looked_at_first(
    api: Any, member: User, url: str, request: pytest.FixtureRequest
) -> None:
    tag = ask(api, url)["ETag"]
    forged = api.get(url, HTTP_IF_NONE_MATCH=tag, HTTP_AUTHORIZATION="Bearer forged")

    request.getfixturevalue("nothing_is_made")
    own = client_of(member).get(url, HTTP_IF_NONE_MATCH=tag)

    assert (own.status_code, forged.status_code) == (304, 401)
    assert own.wsgi_request.user.pk == member.pk  # for the log


def test_who_asks_too_often_is_told_so(
    api: Any, product: Product, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    class TwoADay(AnonRateThrottle):
        rate = "2/day"

    monkeypatch.setattr(ProductViewSet, "throttle_classes", [TwoADay])
    url = f"/api/v1/products/{product.pk}/"
    tag = api.get(url)["ETag"]
    statuses = [api.get(url, HTTP_IF_NONE_MATCH=tag).status_code for _ in range(2)]

    assert statuses == [304, 429]


def test_who_is_refused_for_something_else_is_told_so(
    api: Any, product: Product, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    url = f"/api/v1/products/{product.pk}/"
    known = {"HTTP_IF_NONE_MATCH": ask(api, url, secure=True)["ETag"], "secure": True}
    too_large = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)

    refused = [
        api.get(url, **known, **{REFUSAL: Busy()}),
        Client().get(url, **known, CONTENT_LENGTH=too_large),  # described is a GET without a body
        api.get(url, **known, SERVER_NAME="shop.invalid"),
        api.get(url, **{**known, "secure": False}),
        api.put(url, **known),
    ]

    assert [answer.status_code for answer in refused] == [503, 413, 400, 403, 405]


@pytest.mark.parametrize("parameter", ["search=tumbler", "in_stock=true", "max_price=1000000"])
def test_what_may_read_through_a_whole_table_is_asked_within_its_bounds_only(
    api: Any, product: Product, parameter: str, request: pytest.FixtureRequest
) -> None:
    """It answers 304, too, but as it answers everything else."""
    url = f"/api/v1/products/?{parameter}"
    tag = ask(api, url)["ETag"]
    request.getfixturevalue("nothing_is_made")

    assert api.get(url, HTTP_IF_NONE_MATCH=tag).status_code == 500


def test_a_database_that_is_away_is_told_of_as_ever(
    api: Any, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/api/v1/products/{product.pk}/"
    tag = ask(api, url)["ETag"]

    def execute(*args: Any) -> None:
        raise OperationalError(2002, "Can't connect")

    with connection.execute_wrapper(execute):
        as_ever = api.get(url)
        answer = api.get(url, HTTP_IF_NONE_MATCH=tag)

    assert answer.status_code == as_ever.status_code >= 500
    assert answer.json() == as_ever.json()


def test_so_many_answers_are_known_and_no_more(
    api: Any, product: Product, coupon: Coupon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional, "_known", {})
    monkeypatch.setattr(conditional, "KEPT_MAX", 2)

    for path in ("products/", "categories/", "coupons/", f"products/{product.pk}/"):
        api.get(f"/api/v1/{path}", HTTP_IF_NONE_MATCH="*")

    assert [identity[1] for identity in conditional._known] == [
        "/api/v1/coupons/",
        f"/api/v1/products/{product.pk}/",
    ]


def headers_of(answer: Any) -> dict[str, str]:
    """But for its id, and its length where it is packed: some bytes are by chance then."""
    of_its_own = {"X-Request-ID"} | ({"Content-Length"} if "Content-Encoding" in answer else set())
    return {name: value for name, value in answer.items() if name not in of_its_own}


@every_url
@pytest.mark.parametrize("asking", [{}, {"HTTP_ACCEPT_ENCODING": "gzip"}], ids=["", "gzip"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_who_asks_the_same_gets_the_same_and_nothing_is_made(
    api: Any,
    url: str,
    make_product: Callable[..., Product],
    asking: dict[str, str],
    method: str,
    request: pytest.FixtureRequest,
) -> None:
    for _ in range(9):
        make_product()  # so much that it is worth compressing
    with CaptureQueriesContext(connection) as made:
        first = getattr(api, method)(url, **asking)
    request.getfixturevalue("nothing_is_made")

    with CaptureQueriesContext(connection) as asked:
        again, once_more = (getattr(api, method)(url, **asking) for _ in range(2))

    assert first.status_code == again.status_code == once_more.status_code == 200
    assert headers_of(first) == headers_of(again) == headers_of(once_more)
    contents = [answer.content for answer in (first, again, once_more)]
    if first.headers.get("Content-Encoding") == "gzip":
        contents = [gzip.decompress(content) for content in contents]
    assert contents[0] == contents[1] == contents[2]
    assert 2 * [query["sql"] for query in made] == [query["sql"] for query in asked]


@pytest.mark.parametrize("url", URLS[:-1], indirect=True)
def test_a_member_gets_what_is_known_after_the_token_was_looked_at(
    api: Any, member: User, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = api.get(url)
    monkeypatch.setattr(ApiViewSet, "filter_queryset", None)

    own = client_of(member).get(url)
    forged = api.get(url, HTTP_AUTHORIZATION="Bearer forged")

    assert (own.status_code, own.content, forged.status_code) == (200, first.content, 401)
    assert headers_of(own) == headers_of(first)


def test_another_method_is_answered_as_ever(api: Any, product: Product) -> None:
    url = f"/api/v1/products/{product.pk}/"
    assert api.get(url).status_code == 200

    answers = [getattr(api, method)(url) for method in ("post", "put", "delete", "options")]

    assert [answer.status_code for answer in answers] == [405, 405, 405, 200]
    assert "name" not in answers[-1].json() or answers[-1].json().get("price") is None


def test_while_it_changes_all_the_time_it_is_only_made(
    api: Any, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sources are asked in vain, then neither asked nor noted, until a second is over."""
    url = f"/api/v1/products/{product.pk}/"
    now = 1_000.0
    monkeypatch.setattr(conditional.time, "monotonic", lambda: now)
    costs = []
    for step, seconds in enumerate([0.1, 0.1, 0.1, 1.1, 1.1, 1.1]):
        now += seconds
        product.stock = step
        product.save()
        with CaptureQueriesContext(connection) as asked:
            assert api.get(url).json()["stock"] == step
        costs.append(len(asked))

    assert costs == [1, 2, 1, 2, 2, 2]


def test_what_changed_once_is_known_again(
    api: Any, product: Product, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    url = f"/api/v1/products/{product.pk}/"
    now = 1_000.0
    monkeypatch.setattr(conditional.time, "monotonic", lambda: now)
    api.get(url)
    now += 60
    product.stock = 3
    product.save()
    assert api.get(url).json()["stock"] == 3
    request.getfixturevalue("nothing_is_made")

    assert api.get(url).json()["stock"] == 3


@pytest.mark.parametrize(
    ("encodings", "packs"),
    [
        ("GZIP", True),
        ("br, gzip;q=0.5", True),
        ("notgzipped", False),
        ("gzip;q=0", False),
        ("x-gzip-2", False),
    ],
)
def test_how_one_asks_for_gzip_is_nobody_elses_matter(
    api: Any, make_product: Callable[..., Product], encodings: str, packs: bool
) -> None:
    for _ in range(10):
        make_product()
    url = "/api/v1/products/"
    plain = api.get(url).content

    odd = api.get(url, HTTP_ACCEPT_ENCODING=encodings)
    usual = api.get(url, HTTP_ACCEPT_ENCODING="gzip")

    assert odd.headers.get("Content-Encoding") == ("gzip" if packs else None)
    assert usual.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(usual.content) == plain == api.get(url).content


def test_what_is_long_is_not_kept(
    api: Any, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional, "KEPT_BYTES", 100)
    url = f"/api/v1/products/{product.pk}/"

    first, again = api.get(url), api.get(url)

    assert first.content == again.content
    assert [known.content for known in conditional._known.values()] == [None]


def test_rows_are_read_alike_while_they_are_noted(make_product: Callable[..., Product]) -> None:
    ids = [make_product().pk for _ in range(5)]
    listed = Product.objects.filter(is_active=True).order_by("pk")
    ordered = listed.values_list("pk", flat=True)

    with noted_sources() as sources:
        assert list(ordered) == ids
        assert list(ordered.iterator(chunk_size=2)) == ids
        assert ordered.filter(pk=0).first() is None
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM products_product ORDER BY id")
            assert cursor.fetchone() == (ids[0],)
            assert [pk for (pk,) in cursor.fetchmany(2)] == ids[1:3]
            assert [pk for (pk,) in cursor] == ids[3:]
            assert cursor.fetchone() is None
            cursor.execute("SELECT id FROM products_product WHERE id = %s", [ids[1]])
            assert list(cursor.fetchall()) == [(ids[1],)]

    assert sources.can_be_asked_again
    assert len(sources.statements) == 5
    assert sources.tell_the_same()
    Product.objects.filter(pk=ids[1]).update(is_active=False)
    assert not sources.tell_the_same()


def test_what_writes_is_not_done_again(make_product: Callable[..., Product]) -> None:
    with noted_sources() as sources:
        make_product()

    assert not sources.can_be_asked_again
