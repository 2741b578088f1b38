"""GET /api/v1/stats/top-products/"""

from datetime import UTC, datetime, timedelta

import pytest

from conftest import client_of
from ecommerce.tests.expectations import count_statements, refusal, refused
from products.models import Category

URL = "/api/v1/stats/top-products/"
TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Seoul
DAY = timedelta(days=1)

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def best(api, **query):
    """Product ids, pieces and won of the answer, best first; the ranks count up from 1."""
    answer = api.get(URL, query)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [row["rank"] for row in results] == list(range(1, len(results) + 1))
    return [(row["product"]["id"], row["quantity"], row["revenue"]) for row in results]


def test_anyone_sees_the_best_sellers_of_three_days(api, make_product, sell, time_machine):
    mug = make_product(name="머그컵", price=7_250)
    tumbler = make_product(name="텀블러", price=18_900)
    time_machine.move_to(TEN_O_CLOCK - 2 * DAY)
    sell((tumbler, 3), (mug, 1))
    time_machine.move_to(TEN_O_CLOCK)
    sell((tumbler, 1))

    answer = api.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "since": "2026-11-21",
        "until": "2026-11-23",
        "results": [
            {
                "rank": 1,
                "product": {"id": tumbler.pk, "name": "텀블러", "price": 18_900},
                "quantity": 4,
                "revenue": 75_600,
            },
            {
                "rank": 2,
                "product": {"id": mug.pk, "name": "머그컵", "price": 7_250},
                "quantity": 1,
                "revenue": 7_250,
            },
        ],
    }


def test_most_pieces_come_first_whatever_they_cost(api, make_product, sell):
    dear, cheap = make_product(price=50_000), make_product(price=10)
    sell((dear, 4), (cheap, 5))

    assert best(api) == [(cheap.pk, 5, 50), (dear.pk, 4, 200_000)]


def test_ties_are_broken_by_revenue_and_then_by_the_lower_id(api, make_product, sell, time_machine):
    first, second, third, dear = [make_product(price=price) for price in (10, 10, 10, 11)]
    time_machine.move_to(TEN_O_CLOCK - DAY)
    sell((third, 2))
    time_machine.move_to(TEN_O_CLOCK)
    sell((second, 2), (dear, 2), (first, 2))

    assert best(api) == [(dear.pk, 2, 22), (first.pk, 2, 20), (second.pk, 2, 20), (third.pk, 2, 20)]


def test_a_tie_at_the_limit_is_broken_by_the_lower_id_too(api, make_product, sell, time_machine):
    products = [make_product(price=10) for _ in range(20)]
    time_machine.move_to(TEN_O_CLOCK - DAY)
    sell(*((product, 1) for product in products[1::2]))
    time_machine.move_to(TEN_O_CLOCK)
    sell(*((product, 1) for product in products[::2]))

    assert best(api, limit=5) == [(product.pk, 1, 10) for product in products[:5]]


@pytest.mark.parametrize("days", [1, 2, 3, 30])
def test_the_days_asked_for_are_counted_today_included(api, make_product, sell, time_machine, days):
    product, too_old = make_product(price=1, stock=100), make_product(price=1, stock=100)
    for ago in (days, days - 1, 0):
        time_machine.move_to(TEN_O_CLOCK - ago * DAY)
        sell((product, 1), *([(too_old, 9)] if ago == days else []))

    answer = api.get(URL, {"days": days}).json()

    assert answer["since"] == (TEN_O_CLOCK - (days - 1) * DAY).date().isoformat()
    assert answer["until"] == "2026-11-23"
    assert best(api, days=days) == [(product.pk, 2, 2)]


def test_no_more_than_the_limit_are_listed(api, make_product, sell):
    products = [make_product(price=1, stock=100) for _ in range(51)]
    sell(*((product, 51 - index) for index, product in enumerate(products[:30])))
    sell(*((product, 21 - index) for index, product in enumerate(products[30:])))
    ids = [product.pk for product in products]

    assert [row[0] for row in best(api)] == ids[:5]
    assert [row[0] for row in best(api, limit=1)] == ids[:1]
    assert [row[0] for row in best(api, limit=50)] == ids[:50]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"days": "0"}, "min_value"),
        ({"days": "-1"}, "min_value"),
        ({"days": "31"}, "max_value"),
        ({"days": "9" * 100}, "max_value"),
        ({"days": "three"}, "invalid"),
        ({"days": ""}, "invalid"),
        ({"days": "1.5"}, "invalid"),
        ({"limit": "0"}, "min_value"),
        ({"limit": "-5"}, "min_value"),
        ({"limit": "51"}, "max_value"),
        ({"limit": "all"}, "invalid"),
        ({"limit": ""}, "invalid"),
        ({"day": "3"}, "unknown_field"),
        ({"page_size": "3"}, "unknown_field"),
    ],
)
def test_days_and_limit_are_bounded_and_nothing_else_is_known(api, query, code):
    (parameter,) = query

    assert refusal(api.get(URL, query)) == refused(400, code, parameter)


def test_where_nothing_was_sold_nothing_is_listed(api, product):
    assert api.get(URL).json() == {"since": "2026-11-21", "until": "2026-11-23", "results": []}


def test_what_was_not_sold_is_not_listed(api, make_product, sell):
    sold, _unsold = make_product(), make_product()
    sell((sold, 1))

    assert best(api) == [(sold.pk, 1, 1_000)]


def test_a_cancelled_order_is_taken_out(api, make_product, sell, cancel, time_machine):
    first, second = make_product(), make_product()
    order = sell((first, 5))
    sell((first, 1), (second, 2))
    assert best(api) == [(first.pk, 6, 6_000), (second.pk, 2, 2_000)]

    time_machine.move_to(TEN_O_CLOCK + DAY)
    cancel(order)

    assert best(api) == [(second.pk, 2, 2_000), (first.pk, 1, 1_000)]
    assert best(api, days=1) == []


def test_a_product_whose_orders_were_all_cancelled_is_not_listed(api, product, sell, cancel):
    cancel(sell((product, 5)))

    assert best(api) == []


def test_inactive_products_are_absent_and_leave_no_gap(api, make_product, sell):
    first, withdrawn, third = make_product(), make_product(), make_product()
    sell((first, 3), (withdrawn, 2), (third, 1))
    withdrawn.refresh_from_db()
    withdrawn.is_active = False
    withdrawn.save()

    assert best(api, limit=2) == [(first.pk, 3, 3_000), (third.pk, 1, 1_000)]


def test_revenue_is_what_the_pieces_cost_before_any_coupon(
    api, product, sell, make_coupon, shopper
):
    client = client_of(shopper)
    issued = client.post(f"/api/v1/coupons/{make_coupon(discount_value=900).pk}/issue/").json()
    sell((product, 3), coupon=issued["id"])

    assert best(api) == [(product.pk, 3, 3_000)]


def test_the_price_is_todays_and_the_revenue_that_of_the_sales(api, product, sell):
    sell((product, 3))
    product.refresh_from_db()
    product.name, product.price = "새 이름", 1_200
    product.save()
    sell((product, 1))

    (row,) = api.get(URL).json()["results"]

    assert row["product"] == {"id": product.pk, "name": "새 이름", "price": 1_200}
    assert (row["quantity"], row["revenue"]) == (4, 4_200)


def test_it_costs_two_queries_however_much_was_sold(
    api, make_product, sell, time_machine, django_assert_num_queries
):
    products = [make_product() for _ in range(6)]
    for ago in (2, 1, 0):
        time_machine.move_to(TEN_O_CLOCK - ago * DAY)
        sell(*((product, 1) for product in products))

    with django_assert_num_queries(2):
        assert len(api.get(URL).json()["results"]) == 5


def test_statistics_are_only_read(api):
    assert refusal(api.post(URL, {})) == refused(405, "method_not_allowed")


# --- Of one category ------------------------------------------------------------------------------


@pytest.fixture
def kitchen():
    return Category.objects.create(name="주방용품", slug="kitchen")


@pytest.fixture
def sold_in_two(kitchen, make_product, sell):
    """Two products of the kitchen and others that sold better, best first."""
    other = Category.objects.create(name="Toys", slug="장난감")
    mug, tumbler = make_product(category=kitchen), make_product(category=kitchen, price=10)
    toy, loose = make_product(category=other), make_product()
    sell((mug, 1), (tumbler, 2), (toy, 3), (loose, 4))
    return loose, toy, tumbler, mug


def test_the_best_sellers_of_one_category(api, sold_in_two):
    loose, toy, tumbler, mug = sold_in_two

    assert [row[0] for row in best(api, category="kitchen")] == [tumbler.pk, mug.pk]
    assert [row[0] for row in best(api, category="kitchen", limit=1)] == [tumbler.pk]
    assert [row[0] for row in best(api, category="장난감")] == [toy.pk]
    assert [row[0] for row in best(api)] == [loose.pk, toy.pk, tumbler.pk, mug.pk]


def test_what_is_withdrawn_or_old_is_not_among_those_of_its_category(
    api, sold_in_two, time_machine
):
    tumbler, mug = sold_in_two[2:]
    tumbler.refresh_from_db()
    tumbler.is_active = False
    tumbler.save()

    assert [row[0] for row in best(api, category="kitchen")] == [mug.pk]
    time_machine.move_to(TEN_O_CLOCK + 3 * DAY)
    assert best(api, category="kitchen") == []


def test_a_category_of_nothing_has_no_best_sellers(api, kitchen, make_product, sell):
    sell((make_product(), 1))

    assert best(api, category="kitchen") == []


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("nothing", "invalid_choice"),
        ("KITCHEN", "invalid_choice"),
        ("kitchen'--", "invalid_choice"),
        ("😀", "invalid_choice"),
        ("", "blank"),
        (" ", "blank"),
        ("k\x00", "null_characters_not_allowed"),
        ("x" * 101, "max_length"),
        ("x" * 50_000, "max_length"),
    ],
)
def test_a_category_that_there_is_not_is_refused(api, kitchen, slug, code):
    assert refusal(api.get(URL, {"category": slug})) == refused(400, code, "category")


@pytest.mark.django_db(transaction=True)
def test_what_sells_best_in_a_category_is_remembered_for_a_moment(
    api, kitchen, make_product, make_member, settings
):
    settings.BEST_SELLERS_MEMORY_SECONDS = 60
    mug = make_product(category=kitchen, price=10)
    shopper = client_of(make_member(balance=1_000))
    assert best(api, category="kitchen") == []

    assert count_statements(best, api, category="kitchen") == 0
    body = {"items": [{"product": mug.pk, "quantity": 2}]}
    assert shopper.post("/api/v1/orders/", body).status_code == 201
    assert best(api, category="kitchen") == [(mug.pk, 2, 20)]
