"""GET /api/v1/users/me/coupons/"""

from datetime import UTC, datetime, timedelta

import pytest

from conftest import client_of
from coupons.models import IssuedCoupon
from coupons.services import issue_coupon, revoke_issued_coupon
from ecommerce.tests.expectations import ids_by_page, refusal, refused

URL = "/api/v1/users/me/coupons/"
TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Seoul
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


@pytest.fixture
def buy(client, make_product):
    """Uses a coupon of `member`."""

    def use(issued: IssuedCoupon) -> None:
        items = [{"product": make_product().pk, "quantity": 2}]
        answer = client.post("/api/v1/orders/", {"items": items, "coupon": issued.pk})
        assert answer.status_code == 201

    return use


@pytest.fixture
def one_of_each(issue, buy, time_machine):
    """Two days later: a coupon of each status by its name, and a used one past its expiry."""
    coupons = {
        "expired": issue(valid_days=1),
        "used": issue(),
        "used and past its expiry": issue(valid_days=1),
        "revoked": issue(valid_days=1),
        "usable": issue(),
    }
    buy(coupons["used"])
    buy(coupons["used and past its expiry"])
    revoke_issued_coupon(issued_id=coupons["revoked"].pk)
    time_machine.move_to(TEN_O_CLOCK + 2 * DAY)
    return {name: issued.pk for name, issued in coupons.items()}


def test_a_member_sees_own_coupons_newest_first(client, issue, buy):
    used, usable = issue(valid_days=1), issue(valid_days=30)
    buy(used)

    answer = client.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": usable.pk,
                "coupon": usable.coupon_id,
                "issue_number": 1,
                "status": "usable",
                "issued_at": "2026-11-23T10:00:00+09:00",
                "expires_at": "2026-12-23T10:00:00+09:00",
                "used_at": None,
            },
            {
                "id": used.pk,
                "coupon": used.coupon_id,
                "issue_number": 1,
                "status": "used",
                "issued_at": "2026-11-23T10:00:00+09:00",
                "expires_at": "2026-11-24T10:00:00+09:00",
                "used_at": "2026-11-23T10:00:00+09:00",
            },
        ],
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("usable", ["usable"]),
        ("used", ["used and past its expiry", "used"]),
        ("expired", ["expired"]),
        ("revoked", ["revoked"]),
    ],
)
def test_a_status_selects_the_coupons_that_have_it(member, one_of_each, status, expected):
    results = client_of(member).get(URL, {"status": status}).json()["results"]

    assert [one["id"] for one in results] == [one_of_each[name] for name in expected]
    assert {one["status"] for one in results} == {status}


def test_without_a_status_all_coupons_are_listed(member, one_of_each):
    results = client_of(member).get(URL).json()["results"]

    assert {one["id"]: one["status"] for one in results} == {
        one_of_each["usable"]: "usable",
        one_of_each["revoked"]: "revoked",
        one_of_each["used and past its expiry"]: "used",
        one_of_each["used"]: "used",
        one_of_each["expired"]: "expired",
    }


@pytest.mark.parametrize(
    ("moment", "status"),
    [(TEN_O_CLOCK + DAY - INSTANT, "usable"), (TEN_O_CLOCK + DAY, "expired")],
)
def test_a_coupon_expires_at_its_very_moment(member, issue, time_machine, moment, status):
    issued = issue(valid_days=1)
    time_machine.move_to(moment)
    client = client_of(member)

    listed = {
        status: [one["id"] for one in client.get(URL, {"status": status}).json()["results"]]
        for status in ("usable", "expired")
    }

    assert listed == {"usable": [], "expired": []} | {status: [issued.pk]}
    assert [one["status"] for one in client.get(URL).json()["results"]] == [status]


@pytest.mark.parametrize("status", ["USED", "open", "null", "usable,used", "0"])
def test_a_status_that_does_not_exist_is_refused(client, issue, status):
    issue()

    answer = client.get(URL, {"status": status})

    assert refusal(answer) == refused(400, "invalid_choice", "status")


def test_an_unknown_query_parameter_is_refused(client):
    answer = client.get(URL, {"state": "used"})

    assert refusal(answer) == refused(400, "unknown_field", "state")


def test_a_member_does_not_see_coupons_of_others(client, coupon, make_member):
    issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)

    assert client.get(URL).json()["results"] == []


def test_a_visitor_has_no_coupons(api):
    assert refusal(api.get(URL)) == refused(401, "not_authenticated")


def test_a_deactivated_member_may_still_look(client, member, issue):
    issued = issue()
    member.is_active = False
    member.save()

    assert [one["id"] for one in client.get(URL).json()["results"]] == [issued.pk]


def test_the_list_is_paged_within_its_status(client, issue, buy):
    coupons = [issue() for _ in range(5)]
    buy(coupons[2])

    pages = ids_by_page(client, f"{URL}?status=usable&page_size=2")

    newest_first = [coupons[index].pk for index in (4, 3, 1, 0)]
    assert pages == [newest_first[:2], newest_first[2:]]


def test_the_list_costs_one_query_however_long_it_is(client, issue, django_assert_num_queries):
    for _ in range(5):
        issue()

    with django_assert_num_queries(1):
        assert len(client.get(URL).json()["results"]) == 5
