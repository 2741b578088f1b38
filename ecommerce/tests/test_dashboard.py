"""The admin's first page: exact figures, who sees what, and at what price."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conftest import client_of
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.backoffice.daily_totals import close_days
from ecommerce.models import AuditRun, ClosedDay
from ecommerce.tests.staff import staff_client
from orders.models import Order
from orders.services import DraftLine, OrderDraft, cancel_order, place_order
from products.models import Product
from users.models import User

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # noon in Seoul
VIEWS = {
    "orders.view_order": {"revenue", "orders", "revenue_chart"},
    "users.view_user": {"members"},
    "stats.view_dailyproductsales": {"top_products"},
    "coupons.view_coupon": {
        *("campaigns", "campaigns_more", "campaigns_url", "issued_chart", "minutes"),
    },
    "products.view_product": {"low_stock"},
    "ecommerce.view_auditrun": set(),
}
QUERIES_MAX = 15


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with time_machine.travel(moment, tick=False):
        yield


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def blocks(browser: Client) -> dict[str, Any]:
    with at(NOW):
        page = browser.get("/admin/")
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
    return figure.today, figure.recent, figure.before, figure.change


# --- Figures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [False, True])
def test_revenue_is_what_was_paid_and_orders_are_those_that_stand(
    admin_client: Client, sales: list[Order], closed: bool
) -> None:
    if closed:
        with at(NOW):
            assert close_days() == 5
    shown = blocks(admin_client)
    assert figures(shown, "revenue") == ("₩2,700", "₩14,700", "₩48,000", -69)
    assert figures(shown, "orders") == ("2", "4", "2", 100)


def test_a_day_that_is_closed_is_right_after_a_cancellation(
    admin_client: Client, sales: list[Order]
) -> None:
    with at(NOW):
        close_days()
        cancel_order(order_id=sales[4].pk)
    assert figures(blocks(admin_client), "revenue") == ("₩2,700", "₩6,700", "₩48,000", -86)


def test_the_days_after_the_last_closed_one_are_counted(
    admin_client: Client, buy: Callable[..., Order]
) -> None:
    buy(days_ago(20), 1_000)
    with at(days_ago(10)):
        assert close_days() == 1
    buy(days_ago(10), 2_000)
    buy(days_ago(3), 4_000)
    assert figures(blocks(admin_client), "revenue") == ("₩0", "₩6,000", "₩1,000", 500)
    assert list(ClosedDay.objects.values_list("orders", "total")) == [(1, 1_000)]


def test_the_chart_has_each_day_beside_the_one_fourteen_days_before(
    admin_client: Client, sales: list[Order]
) -> None:
    chart = json.loads(blocks(admin_client)["revenue_chart"])
    recent, before = (dataset["data"] for dataset in chart["datasets"])
    assert recent == [8_000, *[0] * 11, 4_000, 2_700]
    assert before == [32_000, *[0] * 12, 16_000]
    assert (chart["labels"][0], chart["labels"][-1]) == ("November 12", "November 25")


def test_new_members_are_counted_by_the_shops_day(
    admin_client: Client, make_member: Callable[..., User]
) -> None:
    User.objects.update(date_joined=days_ago(100))
    seoul_midnight = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    for joined in (
        NOW,
        seoul_midnight,
        seoul_midnight - timedelta(microseconds=1),
        seoul_midnight - timedelta(days=13),
        seoul_midnight - timedelta(days=13, microseconds=1),
        seoul_midnight - timedelta(days=27),
        seoul_midnight - timedelta(days=27, microseconds=1),
    ):
        make_member(date_joined=joined)
    assert figures(blocks(admin_client), "members") == ("2", "4", "2", 100)


def test_an_empty_shop_has_its_zeros_and_no_change(admin_client: Client) -> None:
    User.objects.update(date_joined=days_ago(100))
    shown = blocks(admin_client)
    assert figures(shown, "revenue") == ("₩0", "₩0", "₩0", None)
    assert figures(shown, "orders") == ("0", "0", "0", None)
    assert figures(shown, "members") == ("0", "0", "0", None)
    assert [top["rows"] for top in shown["top_products"]] == [[], [], []]


def test_each_number_leads_to_as_many_rows(
    admin_client: Client, sales: list[Order], make_member: Callable[..., User]
) -> None:
    for days in (0, 3, 20):
        make_member(date_joined=days_ago(days))
    shown = blocks(admin_client)
    for name in ("orders", "members"):
        figure = shown[name]
        for number, url in (
            (figure.today, figure.today_url),
            (figure.recent, figure.recent_url),
            (figure.before, figure.before_url),
        ):
            with at(NOW):
                page = admin_client.get(url)
            assert (name, url, len(page.context["cl"].result_list)) == (name, url, int(number))
    assert shown["revenue"].recent_url == shown["orders"].recent_url


# --- Products -----------------------------------------------------------------------------------


def test_the_best_sellers_are_those_of_the_api(
    admin_client: Client, sales: list[Order], client: Any
) -> None:
    shown = blocks(admin_client)["top_products"]
    for top, days in zip(shown, (1, 3, 7), strict=True):
        with at(NOW):
            told = client_of().get(f"/api/v1/stats/top-products/?days={days}").json()["results"]
        assert [(row["name"], row["quantity"]) for row in top["rows"]] == [
            (row["product"]["name"], str(row["quantity"])) for row in told
        ]
    assert [len(top["rows"]) for top in shown] == [2, 3, 3]
    assert json.loads(shown[0]["chart"])["datasets"][0]["data"] == [1, 1]


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
    chart = json.loads(shown["issued_chart"])
    assert [dataset["label"] for dataset in chart["datasets"]] == ["fast"]
    assert chart["datasets"][0]["data"] == [*[0] * 27, 2, 0, 1]
    assert chart["labels"][-3:] == ["11:58", "11:59", "12:00"]


def test_without_a_running_sale_there_is_no_chart(admin_client: Client, coupon: Coupon) -> None:
    assert blocks(admin_client)["issued_chart"] == ""


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
            "“A” is sold out and still open until 2026-11-26 12:00.",
            f"/admin/coupons/coupon/{sold_out.pk}/change/",
        )
    ]
    assert [row["campaign"].name for row in shown["campaigns"]] == ["C"]


# --- The audit ----------------------------------------------------------------------------------


def test_an_audit_that_never_ran_is_a_warning(admin_client: Client) -> None:
    (alert,) = blocks(admin_client)["alerts"]
    assert (alert.level, alert.url) == ("warning", "")


@pytest.mark.parametrize(
    ("hours", "violations", "level", "text"),
    [
        (5, 0, "success", "The audit of 2026-11-25 07:00 found no violation."),
        (5, 1, "danger", "The audit of 2026-11-25 07:00 found 1 violation."),
        (5, 1_234, "danger", "The audit of 2026-11-25 07:00 found 1,234 violations."),
        (49, 0, "warning", "The last audit is of 2026-11-23 11:00."),
        (49, 2, "danger", "The audit of 2026-11-23 11:00 found 2 violations."),
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
