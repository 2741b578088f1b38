"""What the orders of each day come to."""

from collections.abc import Sequence
from datetime import date

from django.conf import settings
from django.db.models import Count, Sum
from django.utils import timezone

from common.remembered import Remembered
from orders.models import Order

PATIENCE_SECONDS = 10.0
"""The sums of millions of orders take a second; who looks at the same moment waits for them."""

CountAndWon = tuple[int, int]


def paid_by_day(days: Sequence[date]) -> dict[date, CountAndWon]:
    """How many orders of each of the days are paid, and what they cost (won).

    Today is asked for each time. What can still change of the days before are cancellations: of
    those it hears up to `DASHBOARD_MEMORY_SECONDS` late. A day without orders is missing.

    Raises:
        Busy: others wait for the first answer already, and it takes long.
    """
    today = timezone.localdate()
    over = tuple(sorted({day for day in days if day < today}))
    return _paid_before_today(over) | _paid([day for day in days if day >= today])


def _paid(days: Sequence[date]) -> dict[date, CountAndWon]:
    orders = Order.objects.filter(day__in=days, status=Order.Status.PAID).order_by()
    sums = orders.values("day").annotate(count=Count("pk"), won=Sum("total"))
    # MySQL sums as decimals.
    return {row["day"]: (int(row["count"]), int(row["won"])) for row in sums}


_paid_before_today: Remembered[tuple[date, ...], dict[date, CountAndWon]] = Remembered(
    _paid, seconds=lambda: settings.DASHBOARD_MEMORY_SECONDS, patience=PATIENCE_SECONDS
)
