"""What is known is answered by a 304 as long as it is the same, and no change goes unnoticed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from coupons.models import Coupon
from coupons.serializers import CouponSerializer
from ecommerce.tests.unchanged.conftest import URLS, ask, every_url
from orders.tests.conftest import buy
from products.models import Category, Product
from products.serializers import CategorySerializer, ProductSerializer

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
