"""The admin's first page: how the shop does, and what needs somebody.

Each block is shown to those who may see the list behind it, and costs one query; the best sellers
cost two or three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.admin.tables import list_url
from common.admin.text import COUNT, WON, moment
from common.db.costly_reads import ReadTooLong, time_limit
from common.db.secondary import read_near
from coupons.models import Coupon
from coupons.sales import boundaries, issued_between, issued_by, open_campaigns, selling_lately
from ecommerce.backoffice.charts import BAR_OPTIONS, bar_chart, stacked_chart
from ecommerce.backoffice.figures import category_figures, member_figures, order_figures
from ecommerce.backoffice.periods import Period, PeriodForm
from ecommerce.backoffice.whom_to_ask import whom_to_ask
from ecommerce.models import AuditRun, RunningAudit
from events.models import Delivery, Endpoint, Outgoing
from orders.models import Order
from products.models import Category, Product
from stats.models import DailyProductSales
from stats.services import best_sellers
from users.models import User

TOP_LIMIT = 10
CATEGORIES_SHOWN = 10
MINUTES = 30
"""How far back the running sales are drawn."""
CAMPAIGNS_READ = 50
CAMPAIGNS_SHOWN = 6
CAMPAIGNS_DRAWN = 8
PRODUCTS_SHOWN = 8
AUDIT_STALE = timedelta(days=2)
"""The audit runs every night: after that long it was forgotten."""
ASIDE_COUNTED = 1_000
RELAY_LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs somebody."""

    level: str
    """`danger`, `warning` or `success`, as unfold names its colours."""
    text: str
    url: str = ""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The index page's context with what the request's user may see (unfold's callback)."""
    now = timezone.now()
    form = PeriodForm(request.GET, today=timezone.localdate(now))
    period, category = form.chosen()
    blocks: dict[str, Any] = {"alerts": []}
    if _may_see(request, Order) and category is None:
        blocks |= read_near(lambda: order_figures(period, now))
    if _may_see(request, DailyProductSales):
        if category is not None and _may_see(request, Order):
            blocks |= read_near(lambda: category_figures(period, category, now))
        blocks["top_products"] = _top_products(period, category)
        blocks["categories"] = read_near(lambda: _categories(period))
    if _may_see(request, User):
        blocks["members"] = read_near(lambda: member_figures(period, now))
    if _may_see(request, Coupon):
        blocks |= _campaigns(now)
        blocks["alerts"] += blocks.pop("sold_out")
    if _may_see(request, Product):
        blocks["low_stock"] = _low_stock()
    if _may_see(request, Endpoint):
        blocks["alerts"] += _events(now)
    if _may_see(request, AuditRun):
        blocks["alerts"] += _audits(now, may_start=request.user.has_perm("ecommerce.add_auditrun"))
    blocks["figures"] = [
        blocks[name] for name in ("revenue", "orders", "members") if name in blocks
    ]
    depends_on_period = {"revenue", "members", "top_products"} & blocks.keys()
    return {
        **context,
        "title": _("Dashboard"),
        "dashboard": blocks,
        "whom_to_ask": "" if _may_see_anything(context) else whom_to_ask(),
        "period_form": form if depends_on_period else None,
        "period": period,
        "category": category,
        "bar_options": BAR_OPTIONS,
    }


def _may_see_anything(context: dict[str, Any]) -> bool:
    return any(section["items"] for section in context["sidebar_navigation"])


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    return admin.site.get_model_admin(model).has_view_permission(request)


# --- Products -----------------------------------------------------------------------------------


def _top_products(period: Period, category: Category | None) -> dict[str, Any]:
    rows = best_sellers(
        since=period.since,
        until=period.until,
        limit=TOP_LIMIT,
        category=category.slug if category else None,
    )
    days = {"day__gte": period.since, "day__lte": period.until}
    where = {"product__category__id__exact": category.pk} if category else {}
    return {
        "url": list_url(DailyProductSales, **where, **days),
        "rows": [
            {
                "name": row["product__name"],
                "quantity": COUNT.format(row["total_quantity"]),
                "revenue": WON.format(row["total_revenue"]),
                "url": list_url(DailyProductSales, product__id__exact=row["product_id"], **days),
            }
            for row in rows
        ],
        "chart": bar_chart(
            [Truncator(row["product__name"]).chars(12) for row in rows],
            _("pieces"),
            [row["total_quantity"] for row in rows],
        ),
    }


def _categories(period: Period) -> dict[str, Any]:
    """What each category sold in the period, most won first; None if that takes too long."""
    sales = DailyProductSales.objects.filter(day__range=(period.since, period.until))
    sums = (
        sales.order_by()
        .values("product__category", "product__category__name")
        .annotate(pieces=Sum("quantity"), won=Sum("revenue"))
        .filter(pieces__gt=0)
        .order_by("-won", "product__category")
    )
    try:
        with time_limit(settings.ADMIN_LIST_SECONDS):
            rows = list(sums[: CATEGORIES_SHOWN + 1])
    except ReadTooLong:
        return {"rows": None}
    return {
        "rows": [
            {
                "name": row["product__category__name"] or _("without a category"),
                "quantity": COUNT.format(int(row["pieces"])),
                "revenue": WON.format(int(row["won"])),
                "url": _category_url(row["product__category"], period),
            }
            for row in rows[:CATEGORIES_SHOWN]
        ],
        "more": len(rows) > CATEGORIES_SHOWN,
    }


def _category_url(category_id: int | None, period: Period) -> str:
    where: dict[str, object] = (
        {"product__category__isnull": True}
        if category_id is None
        else {"product__category__id__exact": category_id}
    )
    return list_url(DailyProductSales, **where, day__gte=period.since, day__lte=period.until)


def _low_stock() -> dict[str, Any]:
    limit = settings.LOW_STOCK
    products = list(Product.objects.low_in_stock(limit)[: PRODUCTS_SHOWN + 1])
    return {
        "products": products[:PRODUCTS_SHOWN],
        "more": len(products) > PRODUCTS_SHOWN,
        "limit": limit,
        "url": list_url(Product, is_active__exact=1, stock__lte=limit),
    }


# --- Campaigns ----------------------------------------------------------------------------------


def _campaigns(now: datetime) -> dict[str, Any]:
    open_now = open_campaigns(now, limit=CAMPAIGNS_READ)
    issuing = [campaign for campaign in open_now if campaign.remaining_quantity > 0]
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
        "campaigns_url": list_url(Coupon, state="open"),
        **_issued_per_minute(now),
        "minutes": MINUTES,
        "sold_out": _sold_out_alerts(
            [campaign for campaign in open_now if campaign.remaining_quantity <= 0], now
        ),
    }


def _issued_per_minute(now: datetime) -> dict[str, Any]:
    """Every campaign that issued something lately, whether it is still open or not."""
    moments = boundaries(now, step=timedelta(minutes=1), count=MINUTES)
    campaigns, left_out = selling_lately(moments, limit=CAMPAIGNS_DRAWN)
    bars = [
        (campaign.name, issued_between(issued_by(campaign, len(moments)))) for campaign in campaigns
    ]
    chart = stacked_chart(
        [date_format(timezone.localtime(moment), "H:i") for moment in moments[:-1]],
        bars,
        label=_("minute"),
        pattern=COUNT,
    )
    return {"issued_chart": chart if bars else None, "issued_more": left_out}


def _sold_out_alerts(sold_out: Sequence[Any], now: datetime) -> list[Alert]:
    alerts = [
        Alert(
            "warning",
            _("“%(name)s” is sold out and still open until %(end)s.")
            % {
                "name": campaign.name,
                "end": moment(campaign.issue_ends_at),
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
        url = list_url(Coupon, state="sold_out", issue_ends_at__gt=now.isoformat())
        alerts.append(Alert("warning", text % {"count": more}, url))
    return alerts


# --- Events -------------------------------------------------------------------------------------


def _events(now: datetime) -> list[Alert]:
    """Who isn't told any more, what was set aside, and whether anybody delivers at all."""
    alerts = [
        Alert(
            "danger",
            _("“%(name)s” was switched off: it only failed, or is gone.") % {"name": endpoint.name},
            reverse("admin:events_endpoint_change", args=[endpoint.pk]),
        )
        for endpoint in Endpoint.objects.listening().filter(switched_off_at__isnull=False)
    ]
    aside = Delivery.objects.filter(state=Delivery.State.SET_ASIDE)
    count = aside[:ASIDE_COUNTED].count()
    if count:
        text = ngettext(
            "%(count)s event was set aside: it could not be delivered.",
            "%(count)s events were set aside: they could not be delivered.",
            count,
        )
        url = list_url(Delivery, state__exact=Delivery.State.SET_ASIDE)
        alerts.append(Alert("warning", text % {"count": COUNT.format(count)}, url))
    oldest = Outgoing.objects.first()
    if oldest is not None and now - oldest.occurred_at > RELAY_LATE:
        text = _("Events wait since %(when)s: tell your operator that the relay may have stopped.")
        alerts.append(Alert("danger", text % {"when": moment(oldest.occurred_at)}))
    return alerts


# --- The audit ----------------------------------------------------------------------------------


def _audits(now: datetime, *, may_start: bool) -> list[Alert]:
    """What the last audit said; and that one runs, or that it never came to its end."""
    start = reverse("admin:ecommerce_auditrun_start") if may_start else list_url(AuditRun)
    alerts = [_last_audit(now, start)]
    if running := RunningAudit.objects.first():
        when = {"when": moment(running.started_at)}
        if running.is_alive:
            text = _("The books are being checked, since %(when)s.") % when
            alerts.append(Alert("success", text, start))
        else:
            text = _("The audit of %(when)s ended without a result.") % when
            alerts.append(Alert("warning", text, start))
    return alerts


def _last_audit(now: datetime, start: str) -> Alert:
    run = AuditRun.objects.first()
    if run is None:
        return Alert(
            "warning",
            _("The books have never been checked. Check them, and have it done every night."),
            start,
        )
    url = reverse("admin:ecommerce_auditrun_change", args=[run.pk])
    when = moment(run.started_at)
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
