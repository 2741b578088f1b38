"""The dashboard's figures: today so far, and a period of whole days, each held against its like.

A day that is not over is held against the same hours of other days only, and whole days against
whole days.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.admin.tables import list_url
from common.admin.text import COUNT, WON
from common.texts import StrOrPromise
from ecommerce.backoffice.charts import Chart, line_chart
from ecommerce.backoffice.daily_totals import paid_by_day
from ecommerce.backoffice.periods import Period
from orders.models import Order, OrderItem
from products.models import Category
from stats.models import DailyProductSales
from users.models import User

SO_FAR = (timedelta(1), timedelta(7))
"""The days that today is held against, up to the same hour."""

ByDay = Mapping[date, tuple[int, int]]
"""A count and a sum of won, by day."""


@dataclass(frozen=True, slots=True)
class Told:
    """A number, the list behind it, and how far the number held against it is above it."""

    text: str
    url: str
    label: str = ""
    change: int | None = None
    """By how many percent; None where there was nothing, or what is held against it isn't over."""

    @property
    def told_change(self) -> str:
        return f"{self.change or 0:+,} %"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of today so far, and of a period of whole days."""

    title: "StrOrPromise"
    icon: str
    today: Told
    so_far: Sequence[Told]
    """The same hours of yesterday, and of this weekday a week ago."""
    period: Told | None
    """None if the period is today."""
    before: Told | None
    """As many days before. None if the period is not over."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a figure's numbers come from, and the address of the rows of some days of it."""

    title: "StrOrPromise"
    icon: str
    pattern: str
    of_days: Callable[[Period], int]
    so_far: Sequence[int]
    """Today until now, and each of `SO_FAR` until then."""
    url: Callable[[date, date, "datetime | None"], str]


def change(now: int, then: int) -> int | None:
    """By how many percent `now` is above `then`."""
    return round((now - then) * 100 / then) if then else None


def _figure(source: _Source, period: Period, now: datetime) -> Figure:
    today, *earlier = source.so_far

    def told(days: Period, label: str = "", held: int | None = None) -> Told:
        number = source.of_days(days)
        url = source.url(days.since, days.until, None)
        above = None if held is None else change(held, number)
        return Told(source.pattern.format(number), url, label, above)

    until_then = [
        Told(
            source.pattern.format(number),
            source.url(period.today - back, period.today - back, now - back),
            label,
            change(today, number),
        )
        for number, back, label in zip(
            earlier,
            SO_FAR,
            (_("yesterday by this time"), _("a week ago by this time")),
            strict=True,
        )
    ]
    days = {"days": COUNT.format(len(period))}
    before = ngettext("on the day before", "in the %(days)s days before", len(period))
    is_shown = not period.is_today
    return Figure(
        source.title,
        source.icon,
        Told(source.pattern.format(today), source.url(period.today, period.today, None)),
        until_then,
        told(period, str(period)) if is_shown else None,
        told(period.before, before % days, source.of_days(period)) if period.is_over else None,
    )


# --- Orders -------------------------------------------------------------------------------------


def order_figures(period: Period, now: datetime) -> dict[str, Any]:
    """Revenue is what members paid: after discounts, cancelled orders taken out of their day."""
    by_day = paid_by_day([*period.before.days, *period.days, period.today])
    paid = Order.objects.filter(status=Order.Status.PAID)
    counts, won = zip(*_so_far(paid, "", Count("pk"), Sum("total"), period.today, now), strict=True)

    def url(first: date, last: date, until: datetime | None) -> str:
        hours = {"created_at__lt": until.isoformat()} if until else {}
        return list_url(
            Order, day__gte=first, day__lte=last, status__exact=Order.Status.PAID.value, **hours
        )

    revenue = _Source(_("Revenue"), "payments", WON, lambda days: _sum(by_day, days, 1), won, url)
    orders = _Source(
        _("Orders"), "receipt_long", COUNT, lambda days: _sum(by_day, days, 0), counts, url
    )
    return {
        "revenue": _figure(revenue, period, now),
        "orders": _figure(orders, period, now),
        "revenue_chart": _chart(by_day, period, _("Revenue per day (won)")),
    }


# --- Sales of a category --------------------------------------------------------------------------


def category_figures(period: Period, category: Category, now: datetime) -> dict[str, Any]:
    """What was sold of one category: pieces, and won before discounts, which are of whole orders.

    By the daily sales of its products; today's hours, by the lines of orders.
    """
    days = [*period.before.days, *period.days, period.today]
    sales = DailyProductSales.objects.filter(product__category=category, day__in=days).order_by()
    sums = sales.values("day").annotate(pieces=Sum("quantity"), won=Sum("revenue"))
    by_day = {row["day"]: (int(row["pieces"]), int(row["won"])) for row in sums}
    lines = OrderItem.objects.filter(order__status=Order.Status.PAID, product__category=category)
    pieces, won = zip(
        *_so_far(lines, "order__", Sum("quantity"), Sum("line_total"), period.today, now),
        strict=True,
    )

    def url(first: date, last: date, until: datetime | None) -> str:
        where = {"product__category__id__exact": category.pk}
        if until is None:
            return list_url(DailyProductSales, **where, day__gte=first, day__lte=last)
        return list_url(
            OrderItem,
            **where,
            order__day__gte=first,
            order__day__lte=last,
            order__created_at__lt=until.isoformat(),
            order__status__exact=Order.Status.PAID.value,
        )

    revenue = _Source(
        _("Sales before discounts"),
        *("payments", WON, lambda days: _sum(by_day, days, 1), won, url),
    )
    sold = _Source(_("Pieces"), "package_2", COUNT, lambda days: _sum(by_day, days, 0), pieces, url)
    return {
        "revenue": _figure(revenue, period, now),
        "orders": _figure(sold, period, now),
        "revenue_chart": _chart(by_day, period, _("Sales per day before discounts (won)")),
    }


# --- Members --------------------------------------------------------------------------------------


def member_figures(period: Period, now: datetime) -> Figure:
    """Who signed up. Staff accounts are no members who came."""
    spans = {
        "period": _span(period.since, period.until),
        "before": _span(period.before.since, period.before.until),
        "today": _span(period.today, period.today),
        **{f"back_{back.days}": (midnight(period.today - back), now - back) for back in SO_FAR},
    }
    earliest = min(start for start, _end in spans.values())
    joined = User.objects.filter(date_joined__gte=earliest, is_staff=False).aggregate(
        **{
            name: Count("pk", filter=Q(date_joined__gte=start, date_joined__lt=end))
            for name, (start, end) in spans.items()
        }
    )

    def of_days(days: Period) -> int:
        return int(joined["before" if days == period.before else "period"])

    def url(first: date, last: date, until: datetime | None) -> str:
        start, end = _span(first, last)
        end = until or end
        return list_url(
            User,
            date_joined__gte=start.isoformat(),
            date_joined__lt=end.isoformat(),
            is_staff__exact=0,
        )

    so_far = [joined["today"], *(joined[f"back_{back.days}"] for back in SO_FAR)]
    return _figure(
        _Source(_("New members"), "person_add", COUNT, of_days, so_far, url), period, now
    )


def midnight(day: date) -> datetime:
    """When a day of the shop begins."""
    return timezone.make_aware(datetime.combine(day, time.min))


def _span(first: date, last: date) -> tuple[datetime, datetime]:
    return midnight(first), midnight(last + timedelta(1))


# --- Sums -----------------------------------------------------------------------------------------


def _so_far(
    rows: QuerySet[Any], order: str, count: Any, won: Any, today: date, now: datetime
) -> list[tuple[int, int]]:
    """A count and a sum of today, and of each of `SO_FAR` until the same hour, in one query."""
    until = Q(**{f"{order}day": today})
    for back in SO_FAR:
        until |= Q(**{f"{order}day": today - back, f"{order}created_at__lt": now - back})
    sums = rows.filter(until).order_by().values(day_of=F(f"{order}day"))
    found = {
        row["day_of"]: (int(row["count"] or 0), int(row["won"] or 0))
        for row in sums.annotate(count=count, won=won)
    }
    return [found.get(today - back, (0, 0)) for back in (timedelta(0), *SO_FAR)]


def _sum(by_day: ByDay, days: Period, index: int) -> int:
    return sum(by_day.get(day, (0, 0))[index] for day in days.days)


def _chart(by_day: ByDay, period: Period, title: str) -> tuple[str, Chart] | None:
    """The period's days beside those before, if there is more than one."""
    if len(period) < 2:
        return None
    won, before = (
        [by_day.get(day, (0, 0))[1] for day in days.days] for days in (period, period.before)
    )
    days = {"days": COUNT.format(len(period))}
    lines = {
        _("these %(days)s days") % days: won,
        _("the %(days)s days before") % days: before,
    }
    labels = [date_format(day, "MONTH_DAY_FORMAT") for day in period.days]
    return title, line_chart(labels, lines, label=_("day"), pattern=WON)
