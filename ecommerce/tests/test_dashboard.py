"""The admin's first page: exact figures, who sees what, and at what price."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conftest import client_of
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.models import AuditRun
from ecommerce.tests.staff import staff_client
from orders.models import Order
from orders.services import DraftLine, OrderDraft, cancel_order, place_order
from products.models import Category, Product
from users.models import User

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # noon in Seoul
VIEWS = {
    "orders.view_order": {"revenue", "orders", "revenue_chart"},
    "users.view_user": {"members"},
    "stats.view_dailyproductsales": {"top_products", "categories"},
    "coupons.view_coupon": {
        *("campaigns", "campaigns_more", "campaigns_url", "issued_chart", "minutes", "issued_more"),
    },
    "products.view_product": {"low_stock"},
    "ecommerce.view_auditrun": set(),
}
QUERIES_MAX = 18


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with time_machine.travel(moment, tick=False):
        yield


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def blocks(browser: Client, address: str = "") -> dict[str, Any]:
    with at(NOW):
        page = browser.get(f"/admin/{address}")
    assert page.status_code == 200
    return page.context["dashboard"]


@pytest.fixture
def buy(
    make_member: Callable[..., User], make_product: Callable[..., Product]
) -> Callable[..., Order]:
    """Places an order of one piece for so many won, at a moment."""

    def make(moment: datetime, price: int, *, coupon: Coupon | None = None) -> Order:
        with at(moment):
            member = make_member(balance=price + 1, date_joined=days_ago(100))
            product = make_product(price=price, stock=100)
            issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk) if coupon else None
            draft = OrderDraft(
                user_id=member.pk,
                lines=(DraftLine(product.pk, 1),),
                coupon_id=issued.pk if issued else None,
            )
            return place_order(draft).value

    return make


@pytest.fixture
def sales(buy: Callable[..., Order], make_coupon: Callable[..., Coupon]) -> list[Order]:
    """Orders on both sides of each border, two of them cancelled."""
    coupon = make_coupon(
        discount_value=300, issue_starts_at=days_ago(5), issue_ends_at=days_ago(-1)
    )
    seoul_midnight = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    orders = [
        buy(NOW, 1_000, coupon=coupon),  # 700 won are paid
        buy(seoul_midnight, 2_000),
        buy(NOW, 64_000),
        buy(seoul_midnight - timedelta(microseconds=1), 4_000),  # yesterday
        buy(days_ago(13), 8_000),
        buy(days_ago(13), 128_000),
        buy(days_ago(14), 16_000),
        buy(days_ago(27), 32_000),
        buy(days_ago(28), 256_000),  # before all of it
    ]
    for order in (orders[2], orders[5]):
        with at(NOW):
            cancel_order(order_id=order.pk)
    return orders


def figures(shown: dict[str, Any], name: str) -> tuple[str, str, str, int | None]:
    figure = shown[name]
    return figure.today.text, figure.period.text, figure.before.text, figure.before.change


def so_far(shown: dict[str, Any], name: str) -> list[tuple[str, int | None]]:
    return [(told.text, told.change) for told in shown[name].so_far]


def in_sql(sql: str, *params: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


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


# --- Products -----------------------------------------------------------------------------------


def test_the_best_sellers_are_those_of_the_api(
    admin_client: Client, sales: list[Order], client: Any
) -> None:
    for days in (1, 3, 7):
        first = days_ago(days - 1).date()
        shown = blocks(admin_client, f"?since={first}&until=2026-11-25")["top_products"]
        with at(NOW):
            told = client_of().get(f"/api/v1/stats/top-products/?days={days}").json()["results"]
        assert [(row["name"], row["quantity"]) for row in shown["rows"]] == [
            (row["product"]["name"], str(row["quantity"])) for row in told
        ]
        assert json.loads(shown["chart"])["datasets"][0]["data"] == [1] * len(told)
        assert len(told) == (2 if days == 1 else 3)


def test_products_low_in_stock_come_with_the_fewest_first(
    admin_client: Client, make_product: Callable[..., Product], settings: Any
) -> None:
    settings.LOW_STOCK = 5
    stocks = [6, 5, 0, 3, 100]
    made = [make_product(name=f"p{stock}", stock=stock) for stock in stocks]
    withdrawn = make_product(name="withdrawn", stock=1, is_active=False)
    low = blocks(admin_client)["low_stock"]
    assert [product.name for product in low["products"]] == ["p0", "p3", "p5"]
    assert low["more"] is False
    listed = admin_client.get(low["url"]).context["cl"].result_list
    assert {product.pk for product in listed} == {made[1].pk, made[2].pk, made[3].pk}
    assert withdrawn not in listed


# --- Campaigns ----------------------------------------------------------------------------------


def test_campaigns_that_issue_are_shown_with_how_far_they_are(
    admin_client: Client, make_coupon: Callable[..., Coupon], make_member: Callable[..., User]
) -> None:
    terms = {"issue_starts_at": days_ago(1), "issue_ends_at": days_ago(-1)}
    slow = make_coupon(name="slow", total_quantity=4, **terms)
    fast = make_coupon(name="fast", total_quantity=10, **terms)
    make_coupon(name="idle", **terms)
    make_coupon(name="over", issue_starts_at=days_ago(3), issue_ends_at=NOW)
    make_coupon(name="upcoming", issue_starts_at=days_ago(-1), issue_ends_at=days_ago(-2))
    for coupon, minutes in [(slow, 40), (fast, 2), (fast, 2), (fast, 0)]:
        with at(NOW - timedelta(minutes=minutes)):
            issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    shown = blocks(admin_client)
    assert [
        (row["campaign"].name, row["issued"], row["total"], row["bar"])
        for row in shown["campaigns"]
    ] == [
        ("fast", "3", "10", [{"value": 30}]),
        ("slow", "1", "4", [{"value": 25}]),
        ("idle", "0", "30", [{"value": 0}]),
    ]
    chart = json.loads(shown["issued_chart"].data)
    assert [dataset["label"] for dataset in chart["datasets"]] == ["fast"]
    assert chart["datasets"][0]["data"] == [*[0] * 27, 2, 0, 1]
    assert chart["labels"][-3:] == ["11:58", "11:59", "12:00"]


def test_the_issue_rate_is_of_every_campaign_closed_ones_too(
    admin_client: Client, make_coupon: Callable[..., Coupon], make_member: Callable[..., User]
) -> None:
    terms = {"issue_starts_at": days_ago(1), "issue_ends_at": days_ago(-1)}
    morning, noon, closed, old = (
        make_coupon(name=name, **terms) for name in ("morning", "noon", "closed", "old")
    )
    for coupon, minutes in [
        *[(closed, 5)] * 3,
        *[(morning, 3), (noon, 3), (noon, 1), (morning, 0), (morning, 0)],
        *[(old, 30.1)],
    ]:
        with at(NOW - timedelta(minutes=minutes)):
            issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    # Closed, and dated back as well: what was issued was issued.
    Coupon.objects.filter(pk=closed.pk).update(issue_ends_at=days_ago(0.5))
    shown = blocks(admin_client)
    chart = json.loads(shown["issued_chart"].data)
    assert {one["label"]: one["data"][-6:] for one in chart["datasets"]} == {
        "morning": [0, 0, 1, 0, 0, 2],
        "noon": [0, 0, 1, 0, 1, 0],
        "closed": [3, 0, 0, 0, 0, 0],
    }
    since = NOW.replace(second=0) - timedelta(minutes=29)
    (issued,) = in_sql("SELECT COUNT(*) FROM coupons_issuedcoupon WHERE issued_at >= %s", since)
    assert sum(sum(one["data"]) for one in chart["datasets"]) == issued == 8
    assert json.loads(shown["issued_chart"].options)["scales"]["y"]["stacked"] is True
    assert shown["issued_chart"].rows[-1] == ["12:00", "2", "0", "0"]
    assert shown["issued_more"] == 0


def test_of_many_sales_at_once_it_is_said_how_many_are_not_drawn(
    admin_client: Client, make_coupon: Callable[..., Coupon], make_member: Callable[..., User]
) -> None:
    with at(NOW):
        for _ in range(10):
            coupon = make_coupon(issue_starts_at=days_ago(1), issue_ends_at=days_ago(-1))
            issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    shown = blocks(admin_client)
    assert len(json.loads(shown["issued_chart"].data)["datasets"]) == 8
    assert shown["issued_more"] == 2


def test_without_a_running_sale_there_is_no_chart(admin_client: Client, coupon: Coupon) -> None:
    assert blocks(admin_client)["issued_chart"] is None


def test_a_campaign_that_is_sold_out_while_it_is_open_needs_attention(
    admin_client: Client, make_coupon: Callable[..., Coupon], make_member: Callable[..., User]
) -> None:
    AuditRun.objects.create(started_at=NOW, seconds=1, violation_count=0)
    terms = {"issue_starts_at": days_ago(1), "issue_ends_at": days_ago(-1), "total_quantity": 1}
    sold_out = make_coupon(name="A", **terms)
    over = make_coupon(name="B", **terms | {"issue_ends_at": days_ago(-0.1)})
    make_coupon(name="C", **terms)
    with at(NOW):
        for coupon in (sold_out, over):
            issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    Coupon.objects.filter(pk=over.pk).update(issue_ends_at=NOW)
    shown = blocks(admin_client)
    warnings = [alert for alert in shown["alerts"] if alert.level == "warning"]
    assert [(alert.text, alert.url) for alert in warnings] == [
        (
            "“A” is sold out and still open until 26 Nov 2026, 12:00.",
            f"/admin/coupons/coupon/{sold_out.pk}/change/",
        )
    ]
    assert [row["campaign"].name for row in shown["campaigns"]] == ["C"]


# --- The audit ----------------------------------------------------------------------------------


def test_an_audit_that_never_ran_is_a_warning(admin_client: Client) -> None:
    (alert,) = blocks(admin_client)["alerts"]
    assert (alert.level, alert.url) == ("warning", "/admin/ecommerce/auditrun/start/")


@pytest.mark.parametrize(
    ("hours", "violations", "level", "text"),
    [
        (5, 0, "success", "The audit of 25 Nov 2026, 07:00 found no violation."),
        (5, 1, "danger", "The audit of 25 Nov 2026, 07:00 found 1 violation."),
        (5, 1_234, "danger", "The audit of 25 Nov 2026, 07:00 found 1,234 violations."),
        (49, 0, "warning", "The last audit is of 23 Nov 2026, 11:00."),
        (49, 2, "danger", "The audit of 23 Nov 2026, 11:00 found 2 violations."),
    ],
)
def test_the_last_audit_is_told(
    admin_client: Client, hours: int, violations: int, level: str, text: str
) -> None:
    AuditRun.objects.create(started_at=days_ago(9), seconds=1, violation_count=7)
    last = AuditRun.objects.create(
        started_at=NOW - timedelta(hours=hours), seconds=1, violation_count=violations
    )
    (alert,) = blocks(admin_client)["alerts"]
    assert (alert.level, alert.text) == (level, text)
    assert alert.url == f"/admin/ecommerce/auditrun/{last.pk}/change/"
    assert admin_client.get(alert.url).status_code == 200


# --- Who sees what, and at what price -----------------------------------------------------------


@pytest.mark.parametrize("permission", VIEWS)
def test_staff_see_what_they_may_see_and_nothing_else(
    db: None, sales: list[Order], permission: str
) -> None:
    shown = blocks(staff_client(permission))
    own = VIEWS[permission]
    assert set(shown) == {"alerts", "figures", *own}
    assert len(shown["alerts"]) == (permission == "ecommerce.view_auditrun")


def test_staff_without_permissions_see_an_empty_page(db: None, sales: list[Order]) -> None:
    page = staff_client().get("/admin/")
    assert page.context["dashboard"] == {"alerts": [], "figures": []}
    assert re.search(r"₩|best seller", page.content.decode(), re.IGNORECASE) is None


def test_it_costs_as_many_queries_whatever_the_size_of_the_shop(
    sales: list[Order],
    buy: Callable[..., Order],
    make_coupon: Callable[..., Coupon],
    make_member: Callable[..., User],
) -> None:
    browser = staff_client(*VIEWS)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            blocks(browser)
        return len(queries)

    cost()  # what is looked up once per process is known by now
    few = cost()
    for number in range(20):
        coupon = make_coupon(issue_starts_at=days_ago(9), issue_ends_at=days_ago(-9))
        buy(days_ago(0), 1_000 + number, coupon=coupon)
        AuditRun.objects.create(started_at=NOW, seconds=1, violation_count=0)
    many = cost()
    assert (few, many) == (QUERIES_MAX, QUERIES_MAX)
