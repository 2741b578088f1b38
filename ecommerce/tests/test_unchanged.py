"""What is known is answered, whole or by a 304, without being made again, and is never stale."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.throttling import AnonRateThrottle

from common.api import conditional
from common.api.views import ApiViewSet
from common.errors import Busy
from common.http.bodies import REFUSAL
from common.sources import noted_sources
from conftest import client_of
from coupons.models import Coupon
from coupons.serializers import CouponSerializer
from orders.tests.conftest import buy
from products.models import Category, Product
from products.serializers import CategorySerializer, ProductSerializer
from products.views import ProductViewSet
from users.models import User

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PRODUCT = {
    "sku": {"sku": "ANOTHER"},
    "name": {"name": "another"},
    "description": {"description": "another"},
    "category": {"category": None},
    "price": {"price": 2_000},
    "stock": {"stock": 9},
    "created_at": {"created_at": datetime(2020, 1, 1, tzinfo=UTC)},
}
CAMPAIGN = {
    "name": {"name": "another"},
    "discount_type": {"discount_type": "percent", "discount_value": 5},
    "discount_value": {"discount_value": 900},
    "max_discount": {"max_discount": 800},
    "min_order_amount": {"min_order_amount": 1},
    "total_quantity": {"total_quantity": 31},
    "issued_quantity": {"issued_quantity": 1},
    "remaining_quantity": {"issued_quantity": 2},
    "issue_starts_at": {"issue_starts_at": LONG_AGO},
    "issue_ends_at": {"issue_ends_at": datetime(2099, 1, 1, tzinfo=UTC)},
    "is_open": {"issue_starts_at": LONG_AGO, "issue_ends_at": LONG_AGO + timedelta(days=1)},
}
CATEGORY = {"name": {"name": "another"}, "slug": {"slug": "another"}}
"""By field of the answer, what is written to change it."""


def test_every_field_that_is_shown_is_changed_here() -> None:
    shown = {"id"}
    assert PRODUCT.keys() | shown == set(ProductSerializer().fields)
    assert CAMPAIGN.keys() | shown == set(CouponSerializer().fields)
    assert CATEGORY.keys() | shown == set(CategorySerializer().fields)


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    category = Category.objects.create(name="kitchen", slug="kitchen")
    return make_product(category=category)


def ask(api: Any, url: str, **asking: Any) -> Any:
    """Asks until a process knows the answer, and holds it to what knowing means."""
    first = api.get(url, **asking)
    again = api.get(url, HTTP_IF_NONE_MATCH=first["ETag"], **asking)
    assert (first.status_code, again.status_code) == (200, 304)
    return first


@pytest.fixture
def known(api: Any) -> Callable[[str], Any]:
    return lambda url: ask(api, url)


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def initial(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the answer is made once more")

    monkeypatch.setattr(ApiViewSet, "initial", initial)


URLS = [
    "/api/v1/products/",
    "/api/v1/products/?category=kitchen&ordering=-price&page_size=5",
    "/api/v1/products/?ids={product}",
    "/api/v1/products/{product}/",
    "/api/v1/categories/",
    "/api/v1/coupons/",
    "/api/v1/coupons/?is_open=true",
    "/api/v1/coupons/?is_open=false",
    "/api/v1/coupons/{coupon}/",
    "/api/v1/stats/top-products/",
    "/api/schema/",
]


@pytest.fixture
def url(product: Product, coupon: Coupon, request: pytest.FixtureRequest) -> str:
    return str(request.param).format(product=product.pk, coupon=coupon.pk)


every_url = pytest.mark.parametrize("url", URLS, indirect=True)


@every_url
def test_its_sources_are_asked_again_and_nothing_is_made_of_them(
    api: Any, url: str, request: pytest.FixtureRequest
) -> None:
    with CaptureQueriesContext(connection) as made:
        first = api.get(url)
    ask(api, url)
    request.getfixturevalue("nothing_is_made")

    with CaptureQueriesContext(connection) as asked:
        again = api.get(url, HTTP_IF_NONE_MATCH=f'"another", W/{first["ETag"]}')

    assert (again.status_code, again.content) == (304, b"")
    of_its_own = {"X-Request-ID", "Content-Type", "Content-Length", "Content-Disposition", "Allow"}
    assert {name: first[name] for name in first.headers if name not in of_its_own} == {
        name: again[name] for name in again.headers if name != "X-Request-ID"
    }
    routes = [answer.wsgi_request.resolver_match.route for answer in (first, again)]
    assert routes[0] == routes[1]  # by which it is counted
    assert [query["sql"] for query in asked] == [query["sql"] for query in made]


@pytest.mark.parametrize("field", PRODUCT)
@pytest.mark.parametrize("url", [URLS[0], URLS[2], URLS[3]], indirect=True)
def test_no_field_of_a_product_changes_unnoticed(
    api: Any, url: str, field: str, product: Product, known: Callable[[str], Any]
) -> None:
    before = known(url)
    Product.objects.update(**PRODUCT[field])

    after = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])

    assert after.status_code == 200
    assert after["ETag"] != before["ETag"]
    assert _first(after)[field] != _first(before)[field]


@pytest.mark.parametrize("field", CATEGORY)
@pytest.mark.parametrize("url", [URLS[0], URLS[3], URLS[4]], indirect=True)
def test_no_field_of_a_category_changes_unnoticed(
    api: Any, url: str, field: str, known: Callable[[str], Any]
) -> None:
    before = known(url)
    Category.objects.update(**CATEGORY[field])

    after = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])

    assert after.status_code == 200
    assert after["ETag"] != before["ETag"]


@pytest.mark.parametrize("field", CAMPAIGN)
@pytest.mark.parametrize("url", [URLS[5], URLS[8]], indirect=True)
def test_no_field_of_a_campaign_changes_unnoticed(
    api: Any, url: str, field: str, known: Callable[[str], Any]
) -> None:
    before = known(url)
    Coupon.objects.update(**CAMPAIGN[field])

    after = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])

    assert after.status_code == 200
    assert after["ETag"] != before["ETag"]
    assert _first(after)[field] != _first(before)[field]


def _first(answer: Any) -> Any:
    body = answer.json()
    return body["results"][0] if "results" in body else body


def test_what_comes_and_goes_is_noticed(
    api: Any, make_product: Callable[..., Product], known: Callable[[str], Any]
) -> None:
    make_product()
    empty = known("/api/v1/products/")
    new = make_product()
    full = api.get("/api/v1/products/", HTTP_IF_NONE_MATCH=empty["ETag"])
    one = known(f"/api/v1/products/{new.pk}/")

    Product.objects.filter(pk=new.pk).update(is_active=False)

    assert len(full.json()["results"]) == 2
    again = api.get("/api/v1/products/", HTTP_IF_NONE_MATCH=full["ETag"])
    assert (again.status_code, again["ETag"]) == (200, empty["ETag"])
    gone = api.get(f"/api/v1/products/{new.pk}/", HTTP_IF_NONE_MATCH=one["ETag"])
    assert gone.status_code == 404


def test_what_was_so_before_is_so_again(
    api: Any, product: Product, known: Callable[[str], Any]
) -> None:
    url = f"/api/v1/products/{product.pk}/"
    ten = known(url)
    Product.objects.update(stock=9)
    nine = known(url)
    Product.objects.update(stock=10)

    assert api.get(url, HTTP_IF_NONE_MATCH=nine["ETag"]).status_code == 200
    assert api.get(url, HTTP_IF_NONE_MATCH=ten["ETag"]).status_code == 304


@pytest.mark.parametrize("path", ["", "{}/", "?is_open=true", "?is_open=false"])
@pytest.mark.parametrize("edge", ["issue_starts_at", "issue_ends_at"])
def test_a_campaign_opens_and_closes_by_itself(
    api: Any,
    make_coupon: Callable[..., Coupon],
    known: Callable[[str], Any],
    time_machine: Any,
    path: str,
    edge: str,
) -> None:
    now = datetime(2036, 11, 5, tzinfo=UTC)
    time_machine.move_to(now, tick=False)
    make_coupon()
    ends = now + timedelta(minutes=5 if edge == "issue_ends_at" else 9)
    starts = now + timedelta(minutes=-5 if edge == "issue_ends_at" else 5)
    coupon = make_coupon(issue_starts_at=starts, issue_ends_at=ends)
    url = f"/api/v1/coupons/{path.format(coupon.pk)}"
    before = known(url)

    time_machine.move_to(now + timedelta(minutes=5) - timedelta(microseconds=1), tick=False)
    just_before = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])
    time_machine.move_to(now + timedelta(minutes=5), tick=False)
    then = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])

    assert (just_before.status_code, then.status_code) == (304, 200)
    assert then.json() != before.json()


@pytest.mark.parametrize("is_open", ["true", "false"])
def test_a_campaign_that_is_made_meanwhile_is_noticed_among_the_open_ones(
    api: Any, make_coupon: Callable[..., Coupon], known: Callable[[str], Any], is_open: str
) -> None:
    url = f"/api/v1/coupons/?is_open={is_open}"
    before = known(url)
    starts = timezone.now() + timedelta(minutes=0 if is_open == "true" else 5)
    make_coupon(issue_starts_at=starts, issue_ends_at=starts + timedelta(minutes=9))

    after = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])

    assert (after.status_code, len(after.json()["results"])) == (200, 1)


def test_best_sellers_are_of_another_day_at_midnight(
    api: Any, known: Callable[[str], Any], time_machine: Any
) -> None:
    url = "/api/v1/stats/top-products/"
    time_machine.move_to("2036-11-05T23:59:59.999999+09:00", tick=False)
    before = known(url)
    time_machine.move_to("2036-11-06T00:00:00+09:00", tick=False)

    after = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])

    assert (after.status_code, after.json()["until"]) == (200, "2036-11-06")


def test_best_sellers_are_as_the_process_remembers_them(
    api: Any, client: Any, product: Product, known: Callable[[str], Any]
) -> None:
    url = "/api/v1/stats/top-products/"
    before = known(url)
    buy(client, (product.pk, 1))

    after = api.get(url, HTTP_IF_NONE_MATCH=before["ETag"])

    assert after.status_code == 200
    assert len(after.json()["results"]) == 1


def test_links_are_of_the_host_that_was_asked(
    api: Any, make_product: Callable[..., Product], settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "shop.example"]
    make_product()
    make_product()
    url = "/api/v1/products/?page_size=1"
    here = ask(api, url)
    there = api.get(url, HTTP_HOST="shop.example", HTTP_IF_NONE_MATCH=here["ETag"])

    assert there.status_code == 200
    assert there.json()["next"].startswith("http://shop.example/")


def test_links_are_of_the_scheme_that_was_asked(
    api: Any, make_product: Callable[..., Product]
) -> None:
    make_product()
    make_product()
    url = "/api/v1/products/?page_size=1"
    plain = ask(api, url)
    secure = api.get(url, secure=True, HTTP_IF_NONE_MATCH=plain["ETag"])

    assert secure.status_code == 200
    assert secure.json()["next"].startswith("https://")


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
