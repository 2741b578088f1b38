"""What may go through all products is ended in time, and that is not taken for "nothing found".

The kind: a text or a filter that fits few or none of very many products. Whoever asks costs the
database a bounded time each, and all of them together a share of it.
"""

from time import monotonic
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from common.db import costly_reads
from common.db.costly_reads import ReadTooLong, _Savings, read_costly, time_limit
from common.errors import Busy
from ecommerce.tests.expectations import refusal, refused
from products.models import Product
from products.pagination import ProductPagination

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/products/"
STAFF = "/admin/products/product/"
LIKE_NONE = "가나다라마바사아자차카타파하라나"
"""Each pair of it is in each of the names, and so in the index; the whole is in none."""


@pytest.fixture
def savings(monkeypatch: pytest.MonkeyPatch) -> _Savings:
    fresh = _Savings()
    monkeypatch.setattr(costly_reads, "_savings", fresh)
    return fresh


@pytest.fixture
def many(settings: Any, monkeypatch: pytest.MonkeyPatch, savings: _Savings) -> None:
    """Names that take the database a while, of which a read may take next to nothing."""
    parts = "".join(f"{LIKE_NONE[at : at + 2]} " for at in range(len(LIKE_NONE) - 1))
    Product.objects.bulk_create([Product(name=parts + "ﷺ" * 40, price=1) for _ in range(2_500)])
    settings.COSTLY_READ_SECONDS = settings.ADMIN_LIST_SECONDS = 0.001
    settings.COSTLY_READS_SHARE = 0
    monkeypatch.setattr(costly_reads, "OWN_SECONDS", 0.0005)
    monkeypatch.setattr(costly_reads, "LEAST_SECONDS", 0)
    monkeypatch.setattr(costly_reads, "SQLITE_STEPS", 1)
    monkeypatch.setattr(ProductPagination, "scanned", 1)


@pytest.mark.usefixtures("many")
def test_a_search_that_would_read_too_much_says_so(api: APIClient) -> None:
    answer = api.get(URL, {"search": LIKE_NONE})

    assert refusal(answer) == refused(400, "search_too_broad", "search")
    assert answer.json()["type"] == "validation_error"


@pytest.mark.usefixtures("many")
def test_it_says_so_on_a_later_page_and_in_another_order(api: APIClient) -> None:
    first = api.get(URL, {"ordering": "name"}).json()
    cursor = first["next"].split("cursor=")[1].split("&")[0]

    answer = api.get(f"{URL}?ordering=name&cursor={cursor}&search={LIKE_NONE}")

    assert refusal(answer) == refused(400, "search_too_broad", "search")


@pytest.mark.usefixtures("many")
def test_who_comes_when_no_time_is_left_is_told_to_come_again(
    api: APIClient, savings: _Savings
) -> None:
    savings._seconds = 0

    answer = api.get(URL, {"search": LIKE_NONE})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "busy")
    assert answer["Retry-After"] == "1"
    assert api.get(URL).status_code == 200
    assert api.get(URL, {"category": "none"}).status_code == 400


@pytest.mark.usefixtures("many")
def test_staff_see_the_list_with_a_message(admin_client: Client) -> None:
    answer = admin_client.get(STAFF, {"q": LIKE_NONE}, follow=True)

    assert answer.redirect_chain == [(f"{STAFF}?e=1", 302)]
    assert answer.status_code == 200
    (message,) = answer.context["messages"]
    assert "took too long" in str(message)


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ({"min_price": 5}, "min_price"),
        ({"max_price": 5, "ordering": "name"}, "max_price"),
        ({"in_stock": "true", "min_price": 5, "ordering": "-price"}, "in_stock"),
    ],
)
def test_a_filter_that_would_read_too_much_is_named(
    api: APIClient,
    savings: _Savings,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, Any],
    attr: str,
) -> None:
    def none_left(seconds: float) -> Any:
        raise ReadTooLong

    monkeypatch.setattr(costly_reads, "time_limit", none_left)

    assert refusal(api.get(URL, query)) == refused(400, "search_too_broad", attr)
    assert api.get(URL).status_code == 200
    assert api.get(URL, {"ordering": "name", "page_size": 100}).status_code == 200


def test_nothing_found_is_an_empty_list(api: APIClient, product: Product) -> None:
    for text in ["뷁", "!?", "없는 이름", "\u0301\u0302"]:
        answer = api.get(URL, {"search": text})
        assert (answer.status_code, answer.json()["results"]) == (200, [])


ENDLESS = (
    "SELECT COUNT(*) FROM products_product p, products_product q, products_product r,"
    " products_product s WHERE p.id + s.id < 0"
)


def read_endlessly() -> int:
    """Reads for minutes, if it is let."""
    with connection.cursor() as cursor:
        cursor.execute(ENDLESS)
        (count,) = cursor.fetchone()
    return int(count)


@pytest.fixture
def crowd() -> None:
    Product.objects.bulk_create([Product(name=f"{n}", price=1) for n in range(300)])


@pytest.mark.usefixtures("crowd")
def test_a_statement_ends_when_its_time_is_over_and_the_connection_goes_on() -> None:
    began = monotonic()
    with pytest.raises(ReadTooLong), time_limit(0.1):
        read_endlessly()
    assert monotonic() - began < 5
    assert Product.objects.count() == 300


@pytest.mark.usefixtures("crowd")
def test_what_is_borrowed_and_not_needed_goes_back(settings: Any, savings: _Savings) -> None:
    settings.COSTLY_READS_SHARE = 0
    for _ in range(20):
        assert read_costly(Product.objects.count) == 300
    assert savings.take(0.4) == 0.4  # of 1.0, what two may take
    with pytest.raises(Busy):
        read_costly(read_endlessly)
    assert read_costly(Product.objects.count) == 300
    savings._seconds = 0
    assert read_costly(Product.objects.count) == 300  # in its own time
    with savings.one_more():
        assert read_costly(Product.objects.count) == 300
        with pytest.raises(Busy):  # of two searches the second has no time of its own
            read_costly(Product.objects.count, is_search=True)
        settings.COSTLY_READS_SHARE = 1
        savings._since -= 0.8
        assert read_costly(Product.objects.count, is_search=True) == 300


def test_many_at_once_leave_something_for_each_other(settings: Any, savings: _Savings) -> None:
    settings.COSTLY_READS_SHARE = 0
    assert [savings.take(0.5) for _ in range(4)] == [0.5, 0.25, 0.125, 0.0625]
