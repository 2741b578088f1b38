"""Lists, page by page: each row once, whatever the ties, the depth and what happens meanwhile."""

import base64
import json
from datetime import UTC, datetime
from itertools import chain

import pytest

from common.api.pagination import Cursor
from ecommerce.tests.expectations import refusal, refused
from products.filters import ORDERINGS
from products.models import Product
from products.services import create_product

URL = "/api/v1/products/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def page(api, url, **query):
    answer = api.get(url, query or None)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def ids(body):
    return [row["id"] for row in body["results"]]


def walk(api, body, direction):
    """The ids of every page from `body` on, and the last page. Gives up after 100 pages."""
    pages = [ids(body)]
    while body[direction] is not None:
        body = page(api, body[direction])
        pages.append(ids(body))
        assert len(pages) <= 100, "the pages do not end"
    return pages, body


def flat(pages):
    return list(chain.from_iterable(pages))


@pytest.fixture
def make_equals(db):
    """Makes many products that are equal in every ordering; returns their ids."""

    def make(count):
        equal = {"name": "the same", "price": 1_000, "created_at": NOON}
        Product.objects.bulk_create([Product(**equal) for _ in range(count)])
        return list(Product.objects.order_by("id").values_list("id", flat=True))

    return make


# --- Every row once -----------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_3000_equal_rows_are_each_shown_once_forwards_and_backwards(api, make_equals, ordering):
    expected = make_equals(3_000)
    if ordering.startswith("-"):
        expected.reverse()

    first = page(api, URL, ordering=ordering, page_size=100)
    forwards, last = walk(api, first, "next")
    backwards, first_again = walk(api, last, "previous")

    assert [len(one) for one in forwards] == [100] * 30
    assert flat(forwards) == expected
    assert backwards == list(reversed(forwards))
    assert first_again["previous"] is None
    assert first["previous"] is None


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_rows_of_many_values_and_ties_come_in_order_whatever_the_page_size(api, ordering):
    for name, price in [("가", 5), ("b", 5), ("😀", 7), ("b", 1), ("B", 7), ("c", 5), ("가", 0)]:
        create_product(name=name, price=price)
    whole = page(api, URL, ordering=ordering)
    assert len(whole["results"]) == 7

    for size in range(1, 8):
        forwards, last = walk(api, page(api, URL, ordering=ordering, page_size=size), "next")
        backwards, _ = walk(api, last, "previous")
        assert flat(forwards) == ids(whole)
        assert flat(reversed(backwards)) == ids(whole)


def test_a_filter_holds_on_every_page(api, make_equals):
    Product.objects.filter(id__in=make_equals(10)[:4]).update(price=9)

    pages, last = walk(api, page(api, URL, max_price=9, ordering="name", page_size=3), "next")

    assert [len(one) for one in pages] == [3, 1]
    assert {row["price"] for row in page(api, last["previous"])["results"]} == {9}


def test_a_page_that_is_just_full_is_the_last(api, make_equals):
    make_equals(20)

    body = page(api, URL)

    assert (len(body["results"]), body["next"], body["previous"]) == (20, None, None)


def test_links_are_whole_addresses_with_all_that_was_asked(api, make_equals):
    make_equals(2)

    link = page(api, URL, ordering="price", search="same", page_size=1)["next"]

    address, _, query = link.partition("?")
    assert address == "http://localhost/api/v1/products/"
    assert sorted(part.partition("=")[0] for part in query.split("&")) == [
        "cursor",
        "ordering",
        "page_size",
        "search",
    ]


# --- What happens meanwhile ---------------------------------------------------------------------


def test_rows_that_come_meanwhile_neither_repeat_nor_hide_others(api, make_equals):
    before = make_equals(6)
    first = page(api, URL, ordering="price", page_size=2)
    create_product(name="cheaper", price=1)
    late = create_product(name="the same", price=1_000)

    rest, _ = walk(api, page(api, first["next"]), "next")

    assert ids(first) + flat(rest) == [*before, late.pk]


def test_rows_that_go_meanwhile_hide_no_others(api, make_equals):
    before = make_equals(6)
    first = page(api, URL, ordering="price", page_size=2)
    Product.objects.filter(id__in=before[:3]).update(is_active=False)

    rest, last = walk(api, page(api, first["next"]), "next")

    assert flat(rest) == before[3:]
    assert ids(page(api, last["previous"])) == before[3:5]


def test_a_row_that_moves_ahead_is_shown_again_but_hides_no_others(api, make_equals):
    before = make_equals(4)
    first = page(api, URL, ordering="price", page_size=2)
    Product.objects.filter(id=before[0]).update(price=2_000)

    rest, _ = walk(api, page(api, first["next"]), "next")

    assert flat(rest) == [*before[2:], before[0]]


# --- The cost -----------------------------------------------------------------------------------


def test_every_page_takes_one_query(api, make_equals, django_assert_num_queries):
    make_equals(300)
    body = page(api, URL, page_size=100)

    for url in (f"{URL}?page_size=1", f"{URL}?page_size=100", body["next"]):
        with django_assert_num_queries(1):
            page(api, url)


# --- Page sizes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "given"), [({}, 20), ({"page_size": 1}, 1), ({"page_size": 100}, 100)]
)
def test_a_page_has_20_rows_or_as_many_as_asked(api, make_equals, asked, given):
    make_equals(101)

    assert len(page(api, URL, **asked)["results"]) == given


@pytest.mark.parametrize("size", [101, 1_000, 10**30])
def test_a_page_has_at_most_100_rows(api, make_equals, size):
    make_equals(101)

    assert len(page(api, URL, page_size=size)["results"]) == 100


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ("0", "min_value"),
        ("-1", "min_value"),
        ("ten", "invalid"),
        ("1.5", "invalid"),
        ("1e2", "invalid"),
        ("", "invalid"),
        ("9" * 5_000, "max_string_length"),
    ],
)
def test_a_page_size_that_makes_no_sense_is_refused(api, size, code):
    assert refusal(api.get(URL, {"page_size": size})) == refused(400, code, "page_size")


# --- Cursors ------------------------------------------------------------------------------------


def encoded(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def test_a_cursor_is_what_was_encoded():
    cursor = Cursor("-name", "가방 😀", 7, backwards=True)

    assert Cursor.decode(cursor.encode(), "-name") == cursor
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.decode(cursor.encode(), "name")


BAD_VALUES = [
    *[("price", value) for value in (True, None, "5", "x", 1.5, [5], {}, 2**63, -(10**30))],
    *[("name", value) for value in (True, None, 5, ["a"], "\ud800", "a\udfff")],
    *[("created_at", value) for value in (True, None, 5, 1.5, "", "now", ["2026-11-23"])],
    *[
        ("created_at", value)
        for value in (
            "2026-11-23",
            "2026-11-23T12:00:00",
            "2026-11-23T21:00:00+09:00",
            "2026-13-01T00:00:00+00:00",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
        )
    ],
]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(("field", "value"), BAD_VALUES)
def test_a_cursor_with_a_value_that_no_row_has_is_refused(api, field, value, sign):
    ordering = f"{sign}{field}"

    answer = api.get(URL, {"ordering": ordering, "cursor": encoded([ordering, value, 1, 0])})

    assert refusal(answer) == refused(400, "invalid", "cursor")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "커서",
        "a" * 5_000,
        encoded(b"\xff\xfe"),
        encoded(b"["),
        encoded(b"[" * 50_000),
        encoded(b'["price", 1' + b"0" * 5_000 + b", 1, 0]"),
        encoded(b'["price", NaN, 1, 0]'),
        *map(
            encoded,
            [
                None,
                5,
                "price",
                {},
                {"ordering": "price"},
                [],
                ["price", 5, 1],
                ["price", 5, 1, 0, 0],
                [["price", 5, 1, 0]],
                ["name", "a", 1, 0],
                ["-price", 5, 1, 0],
                ["id", 5, 1, 0],
                [None, 5, 1, 0],
                ["price", 5, True, 0],
                ["price", 5, None, 0],
                ["price", 5, "1", 0],
                ["price", 5, 1.0, 0],
                ["price", 5, 2**63, 0],
                ["price", 5, -(2**63) - 1, 0],
                ["price", 5, [[[1]]], 0],
                ["price", 5, 1, 2],
                ["price", 5, 1, -1],
                ["price", 5, 1, True],
                ["price", 5, 1, 1.0],
                ["price", 5, 1, None],
            ],
        ),
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(api, cursor):
    answer = api.get(URL, {"ordering": "price", "cursor": cursor})

    assert refusal(answer) == refused(400, "invalid", "cursor")


@pytest.mark.parametrize(
    ("cursor", "code"), [("", "blank"), ("a\0b", "null_characters_not_allowed")]
)
def test_an_empty_or_impossible_cursor_is_refused(api, cursor, code):
    assert refusal(api.get(URL, {"cursor": cursor})) == refused(400, code, "cursor")


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1])
def test_a_cursor_at_the_end_of_all_integers_is_good(api, make_equals, value):
    expected = make_equals(2) if value < 0 else []

    body = page(api, URL, ordering="price", cursor=encoded(["price", value, value, 0]))

    assert ids(body) == expected


@pytest.mark.parametrize(("text", "shown"), [("", 1), ("\0", 1), ("💥", 0), ("힣" * 5_000, 0)])
def test_a_cursor_of_any_text_is_good_in_an_ordering_by_name(api, product, text, shown):
    body = page(api, URL, ordering="name", cursor=encoded(["name", text, 0, 0]))

    assert ids(body) == [product.pk] * shown
