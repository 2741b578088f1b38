"""What the orders of each day come to, without reading the orders of days that are over."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db.models import Count, Max, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from common.db.transactions import run_transaction
from ecommerce.models import ClosedDay
from orders.models import Order

CLOSES_AFTER = timedelta(hours=1)
"""How long after midnight a day is closed: its last orders are committed by then."""

CountAndWon = tuple[int, int]


def paid_by_day(days: Sequence[date]) -> dict[date, CountAndWon]:
    """How many orders of each of the days are paid, and what they cost (won), in one query.

    Of a closed day the sum of all orders is known, and only the cancelled ones are counted; of the
    others, the paid ones. A day without orders may be missing.
    """
    closed = ClosedDay.objects.order_by("-day")
    last = Coalesce(Subquery(closed.values("day")[:1]), min(days) - timedelta(1))
    sums = closed.order_by().filter(day__in=days).values_list("day", "orders", "total")
    orders = Order.objects.filter(day__in=days)
    cancelled = _sums(orders.filter(day__lte=last, status=Order.Status.CANCELLED), sign=-1)
    paid = _sums(orders.filter(day__gt=last, status=Order.Status.PAID))
    found: dict[date, CountAndWon] = {}
    for day, count, won in sums.union(cancelled, paid, all=True):
        counted, cost = found.get(day, (0, 0))
        found[day] = counted + int(count), cost + int(won)  # MySQL sums as decimals
    return found


def _sums(orders: "QuerySet[Order]", *, sign: int = 1) -> "QuerySet[Order, tuple[date, int, int]]":
    by_day = orders.order_by().values("day")
    sums = by_day.annotate(count=sign * Count("pk"), won=sign * Sum("total"))
    return sums.values_list("day", "count", "won")


def close_days() -> int:
    """Sum up the days that are over and not yet closed; returns how many of them had orders.

    Nothing depends on it but time: an open day is summed up whenever it is asked for.
    """
    today = timezone.localdate(timezone.now() - CLOSES_AFTER)

    def work() -> int:
        last = ClosedDay.objects.aggregate(last=Max("day"))["last"]
        over = Order.objects.filter(day__lt=today)
        sums = _sums(over.filter(day__gt=last) if last else over)
        rows = [ClosedDay(day=day, orders=count, total=won) for day, count, won in sums]
        # Two who close at once find the same sums: they can't change any more.
        ClosedDay.objects.bulk_create(rows, ignore_conflicts=True)
        return len(rows)

    return run_transaction(work)


def reopen_days(*, since: date) -> None:
    """Open the days from `since` on again, to which orders are added. Needs an open transaction."""
    ClosedDay.objects.filter(day__gte=since).delete()
