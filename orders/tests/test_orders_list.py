"""GET /api/v1/orders/ and /api/v1/orders/{id}/"""

from datetime import UTC, datetime

import pytest

from conftest import client_of
from ecommerce.tests.expectations import (
    IDS_OF_NOTHING,
    count_statements,
    ids_by_page,
    refusal,
    refused,
)
from orders.tests.conftest import URL, buy

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Seoul

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def test_a_member_sees_own_orders_newest_first(client, make_product):
    product = make_product(name="머그컵", price=7_250)
    older = buy(client, (product.pk, 1)).json()
    newer = buy(client, (product.pk, 2)).json()
    cancelled = client.post(f"{URL}{older['id']}/cancel/").json()

    answer = client.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {"next": None, "previous": None, "results": [newer, cancelled]}
    assert newer == {
        "id": newer["id"],
        "number": newer["number"],
        "status": "paid",
        "items": [
            {
                "product": product.pk,
                "product_name": "머그컵",
                "unit_price": 7_250,
                "quantity": 2,
                "line_total": 14_500,
            }
        ],
        "subtotal": 14_500,
        "discount": 0,
        "total": 14_500,
        "coupon": None,
        "created_at": "2026-11-23T10:00:00+09:00",
        "cancelled_at": None,
    }


def test_one_order_looks_as_it_does_in_the_list(client, product):
    order = buy(client, (product.pk, 1)).json()

    answer = client.get(f"{URL}{order['id']}/")

    assert answer.status_code == 200
    assert answer.json() == order == client.get(URL).json()["results"][0]


def test_the_list_is_paged_and_each_order_appears_once(client, product):
    newest_first = [buy(client, (product.pk, 1)).json()["id"] for _ in range(5)][::-1]

    pages = ids_by_page(client, f"{URL}?page_size=2")

    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


def test_the_list_costs_two_queries_however_long_it_is(
    client, make_product, django_assert_num_queries
):
    first, second = make_product(), make_product()
    for _ in range(5):
        buy(client, (first.pk, 1), (second.pk, 1))

    with django_assert_num_queries(2):
        assert len(client.get(URL).json()["results"]) == 5


def test_one_order_costs_the_same_however_many_lines_it_has(client, small_and_large):
    urls = [f"{URL}{order['id']}/" for order in small_and_large]

    assert [count_statements(client.get, url) for url in urls] == [2, 2]
    assert [client.get(url).json() for url in urls] == small_and_large


def test_a_member_does_not_see_orders_of_others(client, product, make_member):
    anothers = buy(client_of(make_member(balance=5_000)), (product.pk, 1)).json()

    assert client.get(URL).json()["results"] == []
    assert refusal(client.get(f"{URL}{anothers['id']}/")) == refused(404, "not_found")


@pytest.mark.parametrize("order_id", IDS_OF_NOTHING)
def test_an_unknown_order_is_not_found(client, product, order_id):
    buy(client, (product.pk, 1))

    assert refusal(client.get(f"{URL}{order_id}/")) == refused(404, "not_found")


def test_a_visitor_has_no_orders(api):
    assert refusal(api.get(URL)) == refused(401, "not_authenticated")
    assert refusal(api.get(f"{URL}1/")) == refused(401, "not_authenticated")


def test_a_deactivated_member_may_still_look(client, member, product):
    order = buy(client, (product.pk, 1)).json()
    member.is_active = False
    member.save()

    assert client.get(URL).json()["results"] == [order]


def test_an_unknown_query_parameter_is_refused(client):
    answer = client.get(URL, {"state": "paid"})

    assert refusal(answer) == refused(400, "unknown_field", "state")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_an_order_is_not_overwritten_or_deleted(client, product, method):
    order = buy(client, (product.pk, 1)).json()
    url = f"{URL}{order['id']}/"

    assert refusal(getattr(client, method)(url, {})) == refused(405, "method_not_allowed")
    assert client.get(url).json() == order


@pytest.fixture
def orders_of_three_days(member, product, time_machine):
    """Order ids by day: the shop's, which begins at 15:00 of the day before in UTC."""
    moments = {
        "2026-11-22": datetime(2026, 11, 22, 14, 59, 59, 999_999, tzinfo=UTC),
        "2026-11-23": datetime(2026, 11, 22, 15, 0, tzinfo=UTC),
        "2026-11-24": datetime(2026, 11, 23, 15, 0, tzinfo=UTC),
    }
    ids = {}
    for day, moment in moments.items():
        time_machine.move_to(moment)
        ids[day] = buy(client_of(member), (product.pk, 1)).json()["id"]
    return ids


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({"since": "2026-11-23"}, ["2026-11-24", "2026-11-23"]),
        ({"until": "2026-11-23"}, ["2026-11-23", "2026-11-22"]),
        ({"since": "2026-11-23", "until": "2026-11-23"}, ["2026-11-23"]),
        ({"since": "2026-11-24", "until": "2026-11-22"}, []),
        (
            {"since": "0001-01-01", "until": "9999-12-31"},
            ["2026-11-24", "2026-11-23", "2026-11-22"],
        ),
    ],
)
def test_orders_are_found_by_the_shops_days(member, orders_of_three_days, query, days):
    found = [order["id"] for order in client_of(member).get(URL, query).json()["results"]]

    assert found == [orders_of_three_days[day] for day in days]


def test_orders_are_found_by_status(client, product):
    cancelled = buy(client, (product.pk, 1)).json()["id"]
    paid = buy(client, (product.pk, 1)).json()["id"]
    client.post(f"{URL}{cancelled}/cancel/")

    by_status = {
        status: [order["id"] for order in client.get(URL, {"status": status}).json()["results"]]
        for status in ("paid", "cancelled")
    }
    assert by_status == {"paid": [paid], "cancelled": [cancelled]}


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "day",
    [
        "2026-02-30", "20261123", "2026-W48-1", "23.11.2026", "2026-11-23T10:00:00+09:00",
        "2026-1-3", "２０２６-11-23", "today", "0000-01-01", "-2026-11-23", "99999-01-01",
    ],
)  # fmt: skip
def test_a_day_is_written_in_one_form(client, name, day):
    assert refusal(client.get(URL, {name: day})) == refused(400, "invalid", name)


def test_a_status_that_there_is_not_is_refused(client):
    answer = client.get(URL, {"status": "shipped"})

    assert refusal(answer) == refused(400, "invalid_choice", "status")


def test_another_members_orders_are_in_no_period(make_member, client, product):
    buy(client, (product.pk, 1))

    assert client_of(make_member()).get(URL, {"since": "2026-11-23"}).json()["results"] == []
