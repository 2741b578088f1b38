"""The admin's first page: exact figures of today, of a period and of a category."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from ecommerce.tests.dashboard.conftest import NOW, at, blocks, days_ago, in_sql
from orders.models import Order
from orders.services import cancel_order
from products.models import Category, Product
from users.models import User


def figures(shown: dict[str, Any], name: str) -> tuple[str, str, str, int | None]:
    figure = shown[name]
    return figure.today.text, figure.period.text, figure.before.text, figure.before.change


def so_far(shown: dict[str, Any], name: str) -> list[tuple[str, int | None]]:
    return [(told.text, told.change) for told in shown[name].so_far]


# --- Figures ------------------------------------------------------------------------------------


def test_revenue_is_what_was_paid_and_orders_are_those_that_stand(
    admin_client: Client, sales: list[Order]
) -> None:
    shown = blocks(admin_client)
    assert figures(shown, "revenue") == ("₩2,700", "₩28,000", "₩288,000", -90)
    assert figures(shown, "orders") == ("2", "3", "2", 50)


def test_today_is_held_against_the_same_hours_of_other_days(
    admin_client: Client, buy: Callable[..., Order]
) -> None:
    moment = timedelta(microseconds=1)
    buy(NOW, 3_000)
    for days, price in ((1, 1_000), (7, 6_000)):
        buy(days_ago(days) - moment, price)
        buy(days_ago(days), 100_000)  # it came later in the day than it is by now
        buy(days_ago(days) - timedelta(hours=12, microseconds=1), 100_000)  # the day before
        with at(NOW):
            cancel_order(order_id=buy(days_ago(days) - moment, 50_000).pk)
    shown = blocks(admin_client)
    assert so_far(shown, "revenue") == [("₩1,000", 200), ("₩6,000", -50)]
    assert so_far(shown, "orders") == [("1", 0), ("1", 0)]


def test_the_chart_has_each_day_beside_the_one_fourteen_days_before(
    admin_client: Client, sales: list[Order]
) -> None:
    title, chart = blocks(admin_client)["revenue_chart"]
    drawn = json.loads(chart.data)
    recent, before = (dataset["data"] for dataset in drawn["datasets"])
    assert title == "Revenue per day (won)"
    assert recent == [16_000, 8_000, *[0] * 11, 4_000]
    assert before == [256_000, 32_000, *[0] * 12]
    assert (drawn["labels"][0], drawn["labels"][-1]) == ("11 Nov", "24 Nov")
    assert (chart.headers, len(chart.rows)) == (
        ["day", "these 14 days", "the 14 days before"],
        14,
    )
    assert chart.rows[0] == ["11 Nov", "₩16,000", "₩256,000"]


def test_new_members_are_counted_by_the_shops_day_and_staff_are_none(
    admin_client: Client, make_member: Callable[..., User]
) -> None:
    User.objects.update(date_joined=days_ago(100))
    seoul_midnight = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    for joined in (
        NOW,
        seoul_midnight,
        seoul_midnight - moment,
        days_ago(1) - moment,
        days_ago(7) - moment,
        seoul_midnight - timedelta(days=14),
        seoul_midnight - timedelta(days=14) - moment,
        seoul_midnight - timedelta(days=28),
        seoul_midnight - timedelta(days=28) - moment,
    ):
        make_member(date_joined=joined)
        make_member(date_joined=joined, is_staff=True)
    shown = blocks(admin_client)
    assert figures(shown, "members") == ("2", "4", "2", 100)
    assert so_far(shown, "members") == [("1", 100), ("1", 100)]


def test_an_empty_shop_has_its_zeros_and_no_change(admin_client: Client) -> None:
    User.objects.update(date_joined=days_ago(100))
    shown = blocks(admin_client)
    assert figures(shown, "revenue") == ("₩0", "₩0", "₩0", None)
    assert figures(shown, "orders") == ("0", "0", "0", None)
    assert figures(shown, "members") == ("0", "0", "0", None)
    assert so_far(shown, "revenue") == [("₩0", None)] * 2
    assert shown["top_products"]["rows"] == shown["categories"]["rows"] == []


def every_number(figure: Any) -> Iterator[Any]:
    yield figure.today
    yield from figure.so_far
    yield from (told for told in (figure.period, figure.before) if told)


@pytest.mark.parametrize("address", ["", "?period=today", "?since=2026-11-01&until=2026-11-25"])
def test_each_number_leads_to_as_many_rows(
    admin_client: Client,
    sales: list[Order],
    make_member: Callable[..., User],
    address: str,
) -> None:
    for days in (0, 0.9, 1.1, 3, 7.1, 20):
        make_member(date_joined=days_ago(days))
    shown = blocks(admin_client, address)
    told = 0
    for name in ("orders", "members"):
        for number in every_number(shown[name]):
            with at(NOW):
                page = admin_client.get(number.url)
            rows = len(page.context["cl"].result_list)
            assert (name, number.url, rows) == (name, number.url, int(number.text))
            told += rows
    assert told > 2
    assert [one.url for one in every_number(shown["revenue"])] == [
        one.url for one in every_number(shown["orders"])
    ]


# --- Periods and categories -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "first", "last"),
    [
        ("", "2026-11-11", "2026-11-24"),
        ("?period=today", "2026-11-25", "2026-11-25"),
        ("?period=7", "2026-11-18", "2026-11-24"),
        ("?period=14", "2026-11-11", "2026-11-24"),
        ("?period=30", "2026-10-26", "2026-11-24"),
        ("?period=90", "2026-08-27", "2026-11-24"),
        ("?since=2026-10-01&until=2026-10-31", "2026-10-01", "2026-10-31"),
        ("?period=other&since=2026-11-20&until=2026-11-25", "2026-11-20", "2026-11-25"),
        ("?period=7&since=&until=", "2026-11-18", "2026-11-24"),
    ],
)
def test_any_period_is_what_the_books_say(
    admin_client: Client,
    sales: list[Order],
    buy: Callable[..., Order],
    address: str,
    first: str,
    last: str,
) -> None:
    for days in (35, 50, 90, 91, 100, 180):
        buy(days_ago(days), 1_000 + days)
    shown = blocks(admin_client, address)
    paid = "FROM orders_order WHERE status = 'paid' AND day BETWEEN %s AND %s"
    orders, won = in_sql(f"SELECT COUNT(*), COALESCE(SUM(total), 0) {paid}", first, last)
    since, until = date.fromisoformat(first), date.fromisoformat(last)
    if since == until == NOW.date():
        assert shown["revenue"].period is shown["revenue_chart"] is None
        assert shown["revenue"].today.text == f"₩{won:,}"
    else:
        assert shown["revenue"].period.text == f"₩{won:,}"
        assert shown["orders"].period.text == f"{orders:,}"
    length = until - since + timedelta(1)
    if until < NOW.date():
        (before,) = in_sql(f"SELECT COALESCE(SUM(total), 0) {paid}", since - length, until - length)
        assert shown["revenue"].before.text == f"₩{before:,}"
    else:
        assert shown["revenue"].before is None  # it is not over
    sold = "FROM stats_dailyproductsales WHERE day BETWEEN %s AND %s"
    (pieces,) = in_sql(f"SELECT COALESCE(SUM(quantity), 0) {sold}", since, until)
    assert sum(int(row["quantity"]) for row in shown["categories"]["rows"]) == pieces


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("?since=2026-11-20&until=2026-11-19", "It ends before it begins."),
        ("?since=2026-11-20&until=2026-11-26", "This day has not come yet."),
        ("?since=2025-01-01&until=2026-11-24", "At most 366 days at once."),
        ("?since=0001-01-01&until=0001-01-01", "A day is of the year 2000 or later."),
        ("?since=0001-01-02&until=0001-12-31", "A day is of the year 2000 or later."),
        ("?since=1999-12-31&until=2000-01-01", "A day is of the year 2000 or later."),
        ("?since=9999-12-31&until=9999-12-31", "This day has not come yet."),
        ("?since=yesterday", "Enter a valid date."),
        ("?period=8", "Select a valid choice. 8 is not one of the available choices."),
        ("?category=x", "Select a valid choice. That choice is not one of the available choices."),
        ("?category=99999999999999999999", "Select a valid choice."),
    ],
)
def test_a_period_that_makes_no_sense_is_told_and_the_usual_one_shown(
    admin_client: Client, sales: list[Order], address: str, error: str
) -> None:
    with at(NOW):
        page = admin_client.get(f"/admin/{address}")
    assert page.status_code == 200
    assert error in page.content.decode()
    assert page.context["dashboard"]["revenue"].period.text == "₩28,000"


def test_a_category_has_figures_of_its_own(admin_client: Client, buy: Callable[..., Order]) -> None:
    tea = Category.objects.create(name="차", slug="tea")
    of_tea = [buy(days_ago(days), 1_000 * 2**place) for place, days in enumerate((0, 1.1, 2, 16))]
    Product.objects.update(category=tea)
    others = [buy(days_ago(days), 500_000) for days in (0, 1.1, 2, 16)]
    assert len(of_tea) == len(others)
    shown = blocks(admin_client, f"?period=7&category={tea.pk}")
    assert shown["revenue"].title == "Sales before discounts"
    assert figures(shown, "revenue") == ("₩1,000", "₩6,000", "₩0", None)
    assert figures(shown, "orders") == ("1", "2", "0", None)
    assert so_far(shown, "revenue") == [("₩2,000", -50), ("₩0", None)]
    assert [row["revenue"] for row in shown["top_products"]["rows"]] == ["₩4,000", "₩2,000"]
    assert [
        (row["name"], row["quantity"], row["revenue"]) for row in shown["categories"]["rows"]
    ] == [
        ("without a category", "2", "₩1,000,000"),
        ("차", "2", "₩6,000"),
    ]
    for number in every_number(shown["orders"]):
        with at(NOW):
            page = admin_client.get(number.url)
        rows = page.context["cl"].result_list
        assert sum(row.quantity for row in rows) == int(number.text)
        assert page.status_code == 200
    for row in shown["categories"]["rows"]:
        rows = admin_client.get(row["url"]).context["cl"].result_list
        assert sum(one.revenue for one in rows) == int(row["revenue"][1:].replace(",", ""))
