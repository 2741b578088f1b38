"""GET /api/v1/coupons/"""

from datetime import UTC, datetime, timedelta

import pytest

from coupons.services import issue_coupon
from ecommerce.tests.expectations import ids_by_page, refusal, refused

URL = "/api/v1/coupons/"
TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Seoul

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def test_anyone_sees_the_campaigns_newest_first(api, make_coupon):
    fixed = make_coupon(name="첫 구매 5,000원", discount_value=5_000, total_quantity=30)
    percent = make_coupon(
        name="10% 할인",
        discount_type="percent",
        discount_value=10,
        max_discount=3_000,
        min_order_amount=20_000,
        total_quantity=5,
    )

    answer = api.get(URL)

    window = {
        "issue_starts_at": "2026-11-23T09:00:00+09:00",
        "issue_ends_at": "2026-11-23T11:00:00+09:00",
        "is_open": True,
    }
    assert answer.status_code == 200
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": percent.pk,
                "name": "10% 할인",
                "discount_type": "percent",
                "discount_value": 10,
                "max_discount": 3_000,
                "min_order_amount": 20_000,
                "total_quantity": 5,
                "issued_quantity": 0,
                "remaining_quantity": 5,
                **window,
            },
            {
                "id": fixed.pk,
                "name": "첫 구매 5,000원",
                "discount_type": "fixed",
                "discount_value": 5_000,
                "max_discount": None,
                "min_order_amount": 0,
                "total_quantity": 30,
                "issued_quantity": 0,
                "remaining_quantity": 30,
                **window,
            },
        ],
    }


def test_closed_upcoming_and_sold_out_campaigns_are_listed_too(api, make_coupon, member):
    hour = timedelta(hours=1)
    over = make_coupon(issue_starts_at=TEN_O_CLOCK - 2 * hour, issue_ends_at=TEN_O_CLOCK - hour)
    upcoming = make_coupon(issue_starts_at=TEN_O_CLOCK + hour, issue_ends_at=TEN_O_CLOCK + 2 * hour)
    sold_out = make_coupon(total_quantity=1)
    issue_coupon(coupon_id=sold_out.pk, user_id=member.pk)

    listed = api.get(URL).json()["results"]

    assert [(one["id"], one["is_open"], one["remaining_quantity"]) for one in listed] == [
        (sold_out.pk, True, 0),
        (upcoming.pk, False, 30),
        (over.pk, False, 30),
    ]


def test_the_list_is_paged_and_each_campaign_appears_once(api, make_coupon):
    newest_first = [make_coupon().pk for _ in range(5)][::-1]

    pages = ids_by_page(api, f"{URL}?page_size=2")

    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


def test_the_list_costs_one_query_however_long_it_is(api, make_coupon, django_assert_num_queries):
    for _ in range(5):
        make_coupon()

    with django_assert_num_queries(1):
        assert len(api.get(URL).json()["results"]) == 5


def test_an_unknown_query_parameter_is_refused(api):
    assert refusal(api.get(URL, {"is_opne": "true"})) == refused(400, "unknown_field", "is_opne")


def test_campaigns_are_not_made_over_http(client):
    answer = client.post(URL, {"name": "mine"})

    assert refusal(answer) == refused(405, "method_not_allowed")


def test_campaigns_are_found_by_whether_they_are_open(api, make_coupon):
    instant = timedelta(microseconds=1)
    windows = {
        "over": (TEN_O_CLOCK - timedelta(hours=1), TEN_O_CLOCK),
        "last instant": (TEN_O_CLOCK - timedelta(hours=1), TEN_O_CLOCK + instant),
        "first instant": (TEN_O_CLOCK, TEN_O_CLOCK + timedelta(hours=1)),
        "not yet": (TEN_O_CLOCK + instant, TEN_O_CLOCK + timedelta(hours=1)),
    }
    for name, (starts, ends) in windows.items():
        make_coupon(name=name, issue_starts_at=starts, issue_ends_at=ends)

    found = {
        asked: [coupon["name"] for coupon in api.get(URL, {"is_open": asked}).json()["results"]]
        for asked in ("true", "false")
    }

    assert found == {"true": ["first instant", "last instant"], "false": ["not yet", "over"]}
    for coupon in api.get(URL).json()["results"]:
        assert coupon["is_open"] == (coupon["name"] in found["true"])


@pytest.mark.parametrize("value", ["1", "yes", "True", "null", "０"])
def test_open_is_asked_by_true_or_false(api, db, value):
    assert refusal(api.get(URL, {"is_open": value})) == refused(400, "invalid_choice", "is_open")
