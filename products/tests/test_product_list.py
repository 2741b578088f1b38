"""GET /api/v1/products/"""

from datetime import UTC, datetime, timedelta

import pytest

from ecommerce.tests.expectations import refusal, refused
from products.models import Category, Product

URL = "/api/v1/products/"
TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC)  # in Seoul

pytestmark = pytest.mark.django_db


def names(answer):
    assert answer.status_code == 200, answer.json()
    return [product["name"] for product in answer.json()["results"]]


@pytest.mark.time_machine(TEN_O_CLOCK, tick=False)
def test_anyone_sees_the_products(api, make_product, kitchen):
    plain = make_product(sku="MUG-1", name="머그", price=9_900, stock=0)
    product = make_product(
        sku="텀블러-500",
        name="텀블러",
        price=18_900,
        stock=240,
        description="500 ml\n보온",
        category=kitchen,
    )

    answer = api.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": product.pk,
                "sku": "텀블러-500",
                "name": "텀블러",
                "description": "500 ml\n보온",
                "category": {"id": kitchen.pk, "name": "주방", "slug": "kitchen"},
                "price": 18_900,
                "stock": 240,
                "created_at": "2026-11-23T10:00:00.123456+09:00",
            },
            {
                "id": plain.pk,
                "sku": "MUG-1",
                "name": "머그",
                "description": "",
                "category": None,
                "price": 9_900,
                "stock": 0,
                "created_at": "2026-11-23T10:00:00.123456+09:00",
            },
        ],
    }


def test_a_shop_without_products_has_an_empty_list(api):
    assert api.get(URL).json() == {"next": None, "previous": None, "results": []}


def test_inactive_products_are_absent_however_they_are_asked_for(api, make_product, kitchen):
    make_product(name="hidden", is_active=False, category=kitchen)
    make_product(name="shown", category=kitchen)

    for query in ({}, {"search": "h"}, {"category": "kitchen"}, {"in_stock": "true"}):
        assert names(api.get(URL, query)) == ["shown"]
    assert names(api.get(URL, {"search": "hidden"})) == []


@pytest.mark.parametrize("in_category", [True, False])
def test_a_page_takes_one_query_whatever_it_shows(
    api, make_product, kitchen, django_assert_num_queries, in_category
):
    for _ in range(5):
        make_product(category=kitchen if in_category else None)

    with django_assert_num_queries(1):
        assert len(api.get(URL).json()["results"]) == 5


# --- Filters ------------------------------------------------------------------------------------


@pytest.fixture
def shelf(make_product, kitchen, desk):
    """Six products; the list shows the last one first."""
    make_product(name="F", price=0, stock=1, category=None)
    make_product(name="E", price=30_000, stock=0, category=desk)
    make_product(name="D", price=20_000, stock=5, category=desk)
    make_product(name="C", price=20_000, stock=0, category=kitchen)
    make_product(name="B", price=10_000, stock=7, category=kitchen)
    make_product(name="A", price=10_000, stock=0, category=kitchen)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "ABCDEF"),
        ({"category": "kitchen"}, "ABC"),
        ({"category": "책상"}, "DE"),
        ({"min_price": 10_000}, "ABCDE"),
        ({"min_price": 10_001}, "CDE"),
        ({"max_price": 10_000}, "ABF"),
        ({"max_price": 9_999}, "F"),
        ({"max_price": 0}, "F"),
        ({"min_price": 0}, "ABCDEF"),
        ({"min_price": 20_000, "max_price": 20_000}, "CD"),
        ({"min_price": 20_001, "max_price": 20_000}, ""),
        ({"min_price": 10**30}, ""),
        ({"max_price": 10**30}, "ABCDEF"),
        ({"in_stock": "true"}, "BDF"),
        ({"in_stock": "false"}, "ACE"),
        ({"category": "kitchen", "in_stock": "true"}, "B"),
        ({"category": "kitchen", "min_price": 10_001, "in_stock": "true"}, ""),
        ({"category": "책상", "search": "e", "in_stock": "false", "max_price": 30_000}, "E"),
        ({"category": "kitchen", "ordering": "-name"}, "CBA"),
        ({"in_stock": "true", "ordering": "price"}, "FBD"),
        ({"min_price": 10_000, "ordering": "-price", "page_size": 3}, "ECD"),
        ({"search": ""}, "ABCDEF"),
        ({"search": "  "}, "ABCDEF"),
    ],
)
def test_filters_narrow_the_list_and_combine(api, query, found):
    assert names(api.get(URL, query)) == list(found)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("parameter", "value", "code"),
    [
        ("category", "garden", "invalid_choice"),
        ("category", "KITCHEN", "invalid_choice"),
        ("category", "kitchén", "invalid_choice"),
        ("category", "주방", "invalid_choice"),
        ("min_price", "-1", "min_value"),
        ("max_price", "-1", "min_value"),
        ("min_price", "cheap", "invalid"),
        ("max_price", "1.5", "invalid"),
        ("max_price", "1e3", "invalid"),
        ("max_price", "1,000", "invalid"),
        ("min_price", "9" * 5_000, "invalid"),
        ("in_stock", "1", "invalid_choice"),
        ("in_stock", "True", "invalid_choice"),
        ("in_stock", "yes", "invalid_choice"),
        ("category", "", "invalid_choice"),
        ("in_stock", "", "invalid_choice"),
        ("ordering", "", "invalid_choice"),
        ("min_price", "", "invalid"),
        ("max_price", "", "invalid"),
        ("ids", "", "invalid"),
        ("search", "x" * 101, "max_length"),
        ("search", " " * 401, "max_length"),
        ("search", "a\0b", "null_characters_not_allowed"),
        ("ordering", "id", "invalid_choice"),
        ("ordering", "stock", "invalid_choice"),
        ("ordering", "price,name", "invalid_choice"),
        ("ordering", "--price", "invalid_choice"),
        ("ordering", "category__slug", "invalid_choice"),
    ],
)
def test_a_bad_value_is_refused_rather_than_ignored(api, parameter, value, code):
    answer = api.get(URL, {parameter: value})

    assert refusal(answer) == refused(400, code, parameter)


def test_all_bad_values_are_said_at_once(api):
    answer = api.get(URL, {"min_price": "x", "in_stock": "x", "ordering": "x"})

    assert refusal(answer)[2] == [
        ("invalid", "min_price"),
        ("invalid_choice", "in_stock"),
        ("invalid_choice", "ordering"),
    ]


@pytest.mark.parametrize(
    "parameter",
    ["q", "page", "limit", "offset", "minprice", "is_active", "price", "format", "Search"],
)
def test_a_parameter_that_is_not_known_is_refused(api, parameter):
    assert refusal(api.get(URL, {parameter: "1"})) == refused(400, "unknown_field", parameter)


def test_slugs_and_names_of_categories_are_told_apart_by_case(api, make_product, kitchen):
    upper = Category.objects.create(name="KITCHEN", slug="KITCHEN")
    make_product(name="lower", category=kitchen)
    make_product(name="upper", category=upper)

    assert names(api.get(URL, {"category": "kitchen"})) == ["lower"]
    assert names(api.get(URL, {"category": "KITCHEN"})) == ["upper"]


# --- Orderings ----------------------------------------------------------------------------------


@pytest.fixture
def ties(make_product):
    """Seven products; 1 and 2 share a price, 2 and 3 share a moment, 5 and 6 share a name."""
    for name, price, minute in [
        ("a", 300, 5),
        ("B", 300, 3),
        ("😀", 100, 3),
        ("Z", 200, 9),
        ("가방", 400, 1),
        ("가방", 500, 2),
        ("é", 600, 0),
    ]:
        product = make_product(name=name, price=price)
        moment = TEN_O_CLOCK + timedelta(minutes=minute)
        Product.objects.filter(pk=product.pk).update(created_at=moment)
    pks = Product.objects.order_by("pk").values_list("pk", flat=True)
    return {pk: place for place, pk in enumerate(pks, start=1)}


@pytest.mark.parametrize(
    ("ordering", "places"),
    [
        ("price", [3, 4, 1, 2, 5, 6, 7]),
        ("-price", [7, 6, 5, 2, 1, 4, 3]),
        ("name", [2, 4, 1, 7, 5, 6, 3]),  # by code point: capitals, small letters, é, Hangul, emoji
        ("-name", [3, 6, 5, 7, 1, 4, 2]),
        ("created_at", [7, 5, 6, 2, 3, 1, 4]),
        ("-created_at", [4, 1, 3, 2, 6, 5, 7]),
        (None, [4, 1, 3, 2, 6, 5, 7]),
    ],
)
def test_each_ordering_breaks_ties_by_id(api, ties, ordering, places):
    answer = api.get(URL, {"ordering": ordering} if ordering else {})

    assert [ties[product["id"]] for product in answer.json()["results"]] == places


@pytest.mark.parametrize(
    "query", ["min_price=1_0", "max_price=３", "min_price=1.0", "page_size=２"]
)
def test_a_number_is_plain_digits(api, db, query):
    answer = api.get(f"/api/v1/products/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid")
