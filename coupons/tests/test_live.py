"""The live sale page and the figures that it asks for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.expectations import IDS_OF_NOTHING
from ecommerce.tests.staff import staff_client
from users.models import User

NOW = datetime(2026, 11, 25, 3, 0, 2, tzinfo=UTC)  # two seconds past noon in Seoul


def live_url(coupon: Coupon) -> str:
    return f"/admin/coupons/coupon/{coupon.pk}/live/"


@pytest.fixture
def sale(make_coupon: Callable[..., Coupon]) -> Coupon:
    return make_coupon(
        name="오픈런",
        total_quantity=20,
        issue_starts_at=NOW - timedelta(hours=1),
        issue_ends_at=NOW + timedelta(hours=1),
    )


@pytest.fixture
def issue_at(sale: Coupon, make_member: Callable[..., User]) -> Callable[..., list[str]]:
    """Issues coupons of the sale so many seconds ago; returns who got them, in order."""

    def issue(*seconds_ago: float) -> list[str]:
        names = []
        for seconds in seconds_ago:
            member = make_member()
            with time_machine.travel(NOW - timedelta(seconds=seconds), tick=False):
                issue_coupon(coupon_id=sale.pk, user_id=member.pk)
            names.append(member.username)
        return names

    return issue


def figures(browser: Client, sale: Coupon, *, at: datetime = NOW) -> dict[str, Any]:
    with time_machine.travel(at, tick=False):
        answer = browser.get(live_url(sale) + "figures/")
    assert (answer.status_code, answer["Cache-Control"]) == (
        200,
        "max-age=0, no-cache, no-store, must-revalidate, private",
    )
    return answer.json()


def test_the_figures_are_those_of_the_moment(
    admin_client: Client, sale: Coupon, issue_at: Callable[..., list[str]]
) -> None:
    names = issue_at(400, 299, 61, 59, 9, 6, 6, 1)
    told = figures(admin_client, sale)
    assert {name: told[name] for name in ("total", "issued", "remaining")} == {
        "total": 20,
        "issued": 8,
        "remaining": 12,
    }
    assert told["state"] == {"name": "open", "label": "open"}
    assert (told["per_minute"], told["per_second"]) == (5, 0.4)
    assert told["at"] == "12:00:02"
    steps = dict(zip(told["labels"], told["steps"], strict=True))
    assert {label: count for label, count in steps.items() if count} == {
        "11:59:00": 2,
        "11:59:50": 1,
        "11:59:55": 2,
        "12:00:00": 1,
    }
    assert (len(steps), told["labels"][0], told["labels"][-1]) == (60, "11:55:05", "12:00:00")
    assert told["last"] == [
        {"number": number, "member": names[number - 1], "at": at}
        for number, at in [
            (8, "12:00:01"),
            (7, "11:59:56"),
            (6, "11:59:56"),
            (5, "11:59:53"),
            (4, "11:59:03"),
            (3, "11:59:01"),
            (2, "11:55:03"),
            (1, "11:53:22"),
        ]
    ]


def test_the_last_ten_are_shown(
    admin_client: Client, sale: Coupon, issue_at: Callable[..., list[str]]
) -> None:
    issue_at(*[5] * 12)
    numbers = [row["number"] for row in figures(admin_client, sale)["last"]]
    assert numbers == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]


@pytest.mark.parametrize(
    ("seconds", "issued", "state"),
    [(-3601, 0, "upcoming"), (0, 0, "open"), (0, 20, "sold_out"), (3600, 20, "ended")],
)
def test_the_state_is_told(
    admin_client: Client,
    sale: Coupon,
    issue_at: Callable[..., list[str]],
    seconds: int,
    issued: int,
    state: str,
) -> None:
    issue_at(*[1] * issued)
    told = figures(admin_client, sale, at=NOW + timedelta(seconds=seconds))
    assert told["state"]["name"] == state


def test_the_figures_cost_as_much_for_many_coupons_as_for_none(
    admin_client: Client, sale: Coupon, issue_at: Callable[..., list[str]]
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            figures(admin_client, sale)
        return len(queries)

    cost()
    none = cost()
    issue_at(*range(20))
    assert (none, cost()) == (4, 4)  # the session, its user, the campaign, the last ones


def test_a_sale_that_ended_is_shown_whole(
    admin_client: Client, sale: Coupon, issue_at: Callable[..., list[str]]
) -> None:
    """It opened an hour before `NOW`, at 11:00:02, and is over an hour after it."""
    issue_at(3600, 3599, 3000, 1, 0)
    told = figures(admin_client, sale, at=NOW + timedelta(hours=5))
    assert told["state"]["name"] == "ended"
    assert told["heading"] == "Issued per 5 minutes"
    assert told["note"] == "The whole sale, from its opening to its last coupon."
    assert told["labels"] == [f"{11 + at // 60}:{at % 60:02}" for at in range(0, 61, 5)]
    assert told["steps"] == [2, 0, 1, *[0] * 8, 1, 1]
    assert sum(told["steps"]) == told["issued"] == 5


def test_a_sale_that_sold_out_is_shown_whole_when_the_rush_is_over(
    admin_client: Client, sale: Coupon, issue_at: Callable[..., list[str]]
) -> None:
    issue_at(*[1] * 20)
    at_once = figures(admin_client, sale)
    assert (at_once["heading"], at_once["note"], at_once["steps"][-1]) == (
        *("Issued per 5 seconds", ""),
        20,
    )
    later = figures(admin_client, sale, at=NOW + timedelta(minutes=6))
    assert later["state"]["name"] == "sold_out"
    assert later["note"] != ""
    assert (sum(later["steps"]), later["steps"][-1]) == (20, 20)


@pytest.mark.parametrize(
    ("lasts", "heading", "count", "label"),
    [
        (timedelta(0), "Issued per second", 1, "12:00:00"),
        (timedelta(seconds=59, microseconds=999_999), "Issued per second", 60, "12:00:59"),
        (timedelta(seconds=60), "Issued per 5 seconds", 13, "12:01:00"),
        (timedelta(hours=10), "Issued per 15 minutes", 41, "22:00"),
        (timedelta(days=2), "Issued per hour", 49, "27 Nov 2026, 12:00"),
        (timedelta(days=59), "Issued per day", 60, "23 Jan"),
        (timedelta(days=60), "Issued per 2 days", 31, "24 Jan"),
        (timedelta(days=4_000), "Issued per 67 days", 60, "21 Sep"),
    ],
)
def test_the_steps_of_a_whole_sale_are_lengths_that_people_think_in(
    db: None,
    make_coupon: Callable[..., Coupon],
    make_member: Callable[..., User],
    lasts: timedelta,
    heading: str,
    count: int,
    label: str,
) -> None:
    opened = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
    sale = make_coupon(issue_starts_at=opened, issue_ends_at=opened + timedelta(days=9_000))
    for moment in (opened, opened + lasts):
        with time_machine.travel(moment, tick=False):
            issue_coupon(coupon_id=sale.pk, user_id=make_member().pk)
    after = opened + timedelta(days=9_001)
    with time_machine.travel(after, tick=False):
        browser = staff_client("coupons.view_coupon")
    told = figures(browser, sale, at=after)
    assert (told["heading"], len(told["steps"]), told["labels"][-1]) == (heading, count, label)
    assert sum(told["steps"]) == 2
    assert told["steps"][-1] == (2 if count == 1 else 1)


def test_a_sale_whose_window_was_moved_is_shown_from_its_first_coupon(
    admin_client: Client, sale: Coupon, issue_at: Callable[..., list[str]]
) -> None:
    issue_at(1800, 0)
    Coupon.objects.filter(pk=sale.pk).update(
        issue_starts_at=NOW + timedelta(hours=2), issue_ends_at=NOW + timedelta(hours=3)
    )
    told = figures(admin_client, sale, at=NOW + timedelta(days=1))
    assert sum(told["steps"]) == 2
    assert told["labels"][0] == "11:30"


def test_a_sale_that_ended_without_a_coupon_has_an_empty_chart(
    admin_client: Client, sale: Coupon
) -> None:
    told = figures(admin_client, sale, at=NOW + timedelta(days=1))
    assert (set(told["steps"]), told["note"]) == ({0}, "")


def test_the_page_asks_for_them_and_tells_in_words_what_may_go_wrong(
    admin_client: Client, sale: Coupon
) -> None:
    page = admin_client.get(live_url(sale)).content.decode()
    assert f'data-live="{live_url(sale)}figures/"' in page
    assert "The server can't be reached." in page
    assert "ecommerce/live.js" in page
    assert "ecommerce/sale.js" in page


def test_only_those_who_see_issued_coupons_see_the_last_ones(db: None, sale: Coupon) -> None:
    browser = staff_client("coupons.view_coupon")
    assert "last" not in figures(browser, sale)
    assert "live-last" not in browser.get(live_url(sale)).content.decode()
    assert (
        figures(staff_client("coupons.view_coupon", "coupons.view_issuedcoupon"), sale)["last"]
        == []
    )


def test_without_the_permission_it_is_refused(db: None, sale: Coupon) -> None:
    browser = staff_client("coupons.view_issuedcoupon")
    assert browser.get(live_url(sale)).status_code == 403
    assert browser.get(live_url(sale) + "figures/").status_code == 403


def test_a_visitor_is_asked_to_sign_in(db: None, sale: Coupon) -> None:
    for url in (live_url(sale), live_url(sale) + "figures/"):
        answer = Client().get(url)
        assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={url}")


@pytest.mark.parametrize("pk", IDS_OF_NOTHING)
def test_there_are_no_figures_of_nothing(admin_client: Client, pk: str) -> None:
    assert admin_client.get(f"/admin/coupons/coupon/{pk}/live/figures/").status_code == 404
    assert admin_client.get(f"/admin/coupons/coupon/{pk}/live/").status_code == 302
