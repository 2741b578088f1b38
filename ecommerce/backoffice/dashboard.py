"""The admin's first page: how the shop does, and what needs somebody.

Each block is shown to those who may see the list behind it, and costs one query; the best sellers
cost two or three.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Model, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.admin.text import COUNT, WON
from coupons.models import Coupon
from coupons.sales import boundaries, issued_between, issued_by, open_campaigns
from ecommerce.backoffice.daily_totals import paid_by_day
from ecommerce.models import AuditRun
from orders.models import Order
from products.models import Product
from stats.models import DailyProductSales
from stats.services import best_sellers
from users.models import User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PERIOD = 14
"""Days of a period; it is held against the one before."""
TOP_DAYS = (1, 3, 7)
TOP_LIMIT = 5
MINUTES = 30
"""How far back the running sale is drawn."""
CAMPAIGNS_READ = 50
CAMPAIGNS_SHOWN = 6
PRODUCTS_SHOWN = 8
AUDIT_STALE = timedelta(days=2)
"""The audit runs every night: after that long it was forgotten."""

COLOR = "var(--color-primary-600)"
PALE = "var(--color-base-400)"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of today and of a period, each with the list behind it."""

    title: "StrOrPromise"
    icon: str
    today: str
    recent: str
    before: str
    change: int | None
    """By how many percent the period is above the one before; None if there was nothing."""
    today_url: str
    recent_url: str
    before_url: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs somebody."""

    level: str
    """`danger`, `warning` or `success`, as unfold names its colours."""
    text: str
    url: str = ""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The index page's context with what the request's user may see (unfold's callback)."""
    today, now = timezone.localdate(), timezone.now()
    blocks: dict[str, Any] = {"alerts": []}
    if _may_see(request, Order):
        blocks |= _sales(today)
    if _may_see(request, User):
        blocks["members"] = _new_members(today)
    if _may_see(request, DailyProductSales):
        blocks["top_products"] = _top_products(today)
    if _may_see(request, Coupon):
        blocks |= _campaigns(now)
        blocks["alerts"] += blocks.pop("sold_out")
    if _may_see(request, Product):
        blocks["low_stock"] = _low_stock()
    if _may_see(request, AuditRun):
        blocks["alerts"].append(_audit(now))
    blocks["figures"] = [
        blocks[name] for name in ("revenue", "orders", "members") if name in blocks
    ]
    return {
        **context,
        "title": _("Dashboard"),
        "dashboard": blocks,
        "line_options": LINE_OPTIONS,
        "bar_options": BAR_OPTIONS,
    }


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    return admin.site.get_model_admin(model).has_view_permission(request)


def _list_url(model: type[Model], **conditions: object) -> str:
    opts = model._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return f"{url}?{urlencode(conditions)}" if conditions else url


def _moment(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


# --- Figures ------------------------------------------------------------------------------------


def _periods(today: date) -> tuple[date, date, date]:
    """The first day of the period before, and first and last of the one that ends today."""
    return today - timedelta(2 * PERIOD - 1), today - timedelta(PERIOD - 1), today


def _change(recent: int, before: int) -> int | None:
    return round((recent - before) * 100 / before) if before else None


def _sales(today: date) -> dict[str, Any]:
    """Revenue is what members paid: after discounts, cancelled orders taken out of their day."""
    earliest, since, until = _periods(today)
    days = [earliest + timedelta(index) for index in range(2 * PERIOD)]
    by_day = paid_by_day(days)
    sums = [by_day.get(day, (0, 0)) for day in days]
    orders, revenue = [count for count, _won in sums], [won for _count, won in sums]

    def url(first: date, last: date) -> str:
        return _list_url(Order, day__gte=first, day__lte=last, status__exact=Order.Status.PAID)

    def figure(title: "StrOrPromise", icon: str, values: Sequence[int], pattern: str) -> Figure:
        before, recent = sum(values[:PERIOD]), sum(values[PERIOD:])
        return Figure(
            title,
            icon,
            today=pattern.format(values[-1]),
            recent=pattern.format(recent),
            before=pattern.format(before),
            change=_change(recent, before),
            today_url=url(until, until),
            recent_url=url(since, until),
            before_url=url(earliest, since - timedelta(1)),
        )

    return {
        "revenue": figure(_("Revenue"), "payments", revenue, WON),
        "orders": figure(_("Orders"), "receipt_long", orders, COUNT),
        "revenue_chart": _line_chart(
            [date_format(day, "MONTH_DAY_FORMAT") for day in days[PERIOD:]],
            {
                _("these %(days)d days") % {"days": PERIOD}: revenue[PERIOD:],
                _("the %(days)d days before") % {"days": PERIOD}: revenue[:PERIOD],
            },
            [COLOR, PALE],
        ),
    }


def _new_members(today: date) -> Figure:
    earliest, since, until = (_midnight(day) for day in _periods(today))
    joined = User.objects.filter(date_joined__gte=earliest).aggregate(
        today=Count("pk", filter=Q(date_joined__gte=until)),
        recent=Count("pk", filter=Q(date_joined__gte=since)),
        before=Count("pk", filter=Q(date_joined__lt=since)),
    )
    return Figure(
        _("New members"),
        "person_add",
        **{name: COUNT.format(count) for name, count in joined.items()},
        change=_change(joined["recent"], joined["before"]),
        today_url=_list_url(User, date_joined__gte=until.isoformat()),
        recent_url=_list_url(User, date_joined__gte=since.isoformat()),
        before_url=_list_url(
            User, date_joined__gte=earliest.isoformat(), date_joined__lt=since.isoformat()
        ),
    )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


# --- Products -----------------------------------------------------------------------------------


def _top_products(today: date) -> list[dict[str, Any]]:
    return [_top_block(today, days) for days in TOP_DAYS]


def _top_block(today: date, days: int) -> dict[str, Any]:
    since = today - timedelta(days - 1)
    rows = best_sellers(since=since, until=today, limit=TOP_LIMIT)
    return {
        "title": _("today") if days == 1 else _("%(days)d days") % {"days": days},
        "url": _list_url(DailyProductSales, day__gte=since, day__lte=today),
        "rows": [
            {
                "name": row["product__name"],
                "quantity": COUNT.format(row["total_quantity"]),
                "revenue": WON.format(row["total_revenue"]),
                "url": _list_url(
                    DailyProductSales,
                    product__id__exact=row["product_id"],
                    day__gte=since,
                    day__lte=today,
                ),
            }
            for row in rows
        ],
        "chart": _bar_chart(
            [Truncator(row["product__name"]).chars(12) for row in rows],
            _("pieces"),
            [row["total_quantity"] for row in rows],
        ),
    }


def _low_stock() -> dict[str, Any]:
    limit = settings.LOW_STOCK
    products = list(Product.objects.low_in_stock(limit)[: PRODUCTS_SHOWN + 1])
    return {
        "products": products[:PRODUCTS_SHOWN],
        "more": len(products) > PRODUCTS_SHOWN,
        "limit": limit,
        "url": _list_url(Product, is_active__exact=1, stock__lte=limit),
    }


# --- Campaigns ----------------------------------------------------------------------------------


def _campaigns(now: datetime) -> dict[str, Any]:
    minute = timedelta(minutes=1)
    moments = boundaries(now, step=minute, count=MINUTES)
    open_now = open_campaigns(now, moments=moments, limit=CAMPAIGNS_READ)
    issuing = [campaign for campaign in open_now if campaign.remaining_quantity > 0]
    running = next((campaign for campaign in open_now if campaign.is_running), None)
    per_minute = issued_between(issued_by(running, len(moments))) if running else []
    return {
        "campaigns": [
            {
                "campaign": campaign,
                "bar": [{"value": 100 * campaign.issued_quantity // campaign.total_quantity}],
                "issued": COUNT.format(campaign.issued_quantity),
                "total": COUNT.format(campaign.total_quantity),
            }
            for campaign in issuing[:CAMPAIGNS_SHOWN]
        ],
        "campaigns_more": len(issuing) > CAMPAIGNS_SHOWN,
        "campaigns_url": _list_url(Coupon, state="open"),
        "issued_chart": _line_chart(
            [f"{timezone.localtime(moment):%H:%M}" for moment in moments[:-1]],
            {running.name: per_minute},
            [COLOR],
        )
        if running and any(per_minute)
        else "",
        "minutes": MINUTES,
        "sold_out": _sold_out_alerts(
            [campaign for campaign in open_now if campaign.remaining_quantity <= 0], now
        ),
    }


def _sold_out_alerts(sold_out: Sequence[Any], now: datetime) -> list[Alert]:
    alerts = [
        Alert(
            "warning",
            _("“%(name)s” is sold out and still open until %(end)s.")
            % {
                "name": campaign.name,
                "end": _moment(campaign.issue_ends_at),
            },
            reverse("admin:coupons_coupon_change", args=[campaign.pk]),
        )
        for campaign in sold_out[:CAMPAIGNS_SHOWN]
    ]
    more = len(sold_out) - len(alerts)
    if more > 0:
        text = ngettext(
            "%(count)d more campaign is sold out and still open.",
            "%(count)d more campaigns are sold out and still open.",
            more,
        )
        url = _list_url(Coupon, state="sold_out", issue_ends_at__gt=now.isoformat())
        alerts.append(Alert("warning", text % {"count": more}, url))
    return alerts


# --- The audit ----------------------------------------------------------------------------------


def _audit(now: datetime) -> Alert:
    run = AuditRun.objects.first()
    if run is None:
        return Alert("warning", _("The audit has never run: `manage.py audit`, every night."))
    url = reverse("admin:ecommerce_auditrun_change", args=[run.pk])
    when = _moment(run.started_at)
    if run.violation_count:
        text = ngettext(
            "The audit of %(when)s found %(count)s violation.",
            "The audit of %(when)s found %(count)s violations.",
            run.violation_count,
        )
        return Alert(
            "danger", text % {"when": when, "count": COUNT.format(run.violation_count)}, url
        )
    if now - run.started_at > AUDIT_STALE:
        return Alert("warning", _("The last audit is of %(when)s.") % {"when": when}, url)
    return Alert("success", _("The audit of %(when)s found no violation.") % {"when": when}, url)


# --- Charts, as chart.js wants them ---------------------------------------------------------------


def _line_chart(
    labels: Sequence[str], lines: dict[str, Sequence[int]], colors: Sequence[str]
) -> str:
    datasets = [
        {"label": label, "data": list(values), "borderColor": color, "backgroundColor": color}
        for (label, values), color in zip(lines.items(), colors, strict=False)
    ]
    return json.dumps({"labels": list(labels), "datasets": datasets})


def _bar_chart(labels: Sequence[str], name: str, values: Sequence[int]) -> str:
    bars = {"label": name, "data": list(values), "backgroundColor": COLOR}
    return json.dumps({"labels": list(labels), "datasets": [bars]})


_TICKS = {"color": "#9ca3af", "precision": 0}
_COMMON = {"animation": False, "responsive": True, "maintainAspectRatio": False}
LINE_OPTIONS = json.dumps(
    {
        **_COMMON,
        "interaction": {"mode": "index", "intersect": False},
        "datasets": {
            "line": {"borderWidth": 2, "pointRadius": 0, "cubicInterpolationMode": "monotone"}
        },
        "plugins": {
            "legend": {
                "position": "bottom",
                "labels": {
                    "boxHeight": 6,
                    "boxWidth": 6,
                    "color": "#9ca3af",
                    "usePointStyle": True,
                },
            }
        },
        "scales": {
            "x": {
                "ticks": {**_TICKS, "maxTicksLimit": 7, "maxRotation": 0},
                "grid": {"display": False},
            },
            "y": {
                "ticks": {**_TICKS, "maxTicksLimit": 5},
                "grid": {"tickWidth": 0},
                "beginAtZero": True,
            },
        },
    }
)
BAR_OPTIONS = json.dumps(
    {
        **_COMMON,
        "indexAxis": "y",
        "maxBarThickness": 12,
        "datasets": {"bar": {"borderRadius": 6}},
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {
                "ticks": {**_TICKS, "maxTicksLimit": 5},
                "grid": {"tickWidth": 0},
                "beginAtZero": True,
            },
            "y": {"ticks": {"color": "#9ca3af"}, "grid": {"display": False}},
        },
    }
)
