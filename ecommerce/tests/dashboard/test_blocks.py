"""The admin's first page: what stands beside the figures, who sees what, and at what price."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conftest import client_of
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.models import AuditRun
from ecommerce.tests.dashboard.conftest import NOW, at, blocks, days_ago, in_sql
from ecommerce.tests.staff import staff_client
from orders.models import Order
from products.models import Product
from users.models import User

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
