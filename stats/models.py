"""What was sold, per product and day."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection, models
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from products.models import Product

DEPTH = 3
"""How many of each day's best sellers are looked at, for each one asked for."""


class DailyProductSalesQuerySet(models.QuerySet["DailyProductSales"]):
    def top_products(self, *, since: date, until: date, limit: int) -> list[Any]:
        """The best sellers from `since` to `until`, both included.

        Most pieces first; ties by revenue, then by the lower product id. Products that were
        withdrawn or did not sell are not among them.

        Only the best of each day are added up, if that is enough: a product that is among them
        on no day sold no more than what the last of them sold, each day, taken together (the
        threshold algorithm of Fagin, Lotem and Naor).
        """
        period = self.filter(day__range=(since, until), product__is_active=True)
        product_ids, last = self._best_of_each_day(since, until, DEPTH * limit)
        bound = sum(last.values())
        best = period.filter(product__in=product_ids)._ranked(limit)
        if bound == 0 or (len(best) == limit and best[-1]["total_quantity"] > bound):
            return best
        return period._ranked(limit)

    def _ranked(self, limit: int) -> list[Any]:
        return list(
            self.values("product_id", "product__name", "product__price")
            .annotate(total_quantity=Sum("quantity"), total_revenue=Sum("revenue"))
            .filter(total_quantity__gt=0)
            .order_by("-total_quantity", "-total_revenue", "product_id")[:limit]
        )

    def top_products_lately(
        self, *, until: date, periods: Sequence[int], limit: int
    ) -> list[list[Any]]:
        """The `top_products` of several periods at once: of so many days each, up to `until`.

        Two statements, and one more when the best of each day are not enough for all periods.
        """
        since = until - timedelta(days=max(periods) - 1)
        firsts = [until - timedelta(days=days - 1) for days in periods]
        sold = self.filter(day__range=(since, until), product__is_active=True)
        product_ids, last = self._best_of_each_day(since, until, DEPTH * limit)
        found = sold.filter(product__in=product_ids)._sums_since(firsts)
        best = [_best(found, index, limit) for index in range(len(periods))]
        # What others can have sold at most, and what one must have sold to be among the best.
        bounds = [sum(pieces for day, pieces in last.items() if day >= first) for first in firsts]
        least = [row[-1]["total_quantity"] if len(row) == limit else 1 for row in best]
        unsure = [
            Q(**{f"quantity_{index}__gte": pieces})
            for index, (pieces, bound) in enumerate(zip(least, bounds, strict=True))
            if bound > 0 and (len(best[index]) < limit or pieces <= bound)
        ]
        if unsure:
            found = sold._sums_since(firsts).filter(reduce(or_, unsure))
            everybody = [_best(found, index, limit) for index in range(len(periods))]
            best = [
                rows if bound == 0 or (len(rows) == limit and pieces > bound) else all_rows
                for rows, all_rows, pieces, bound in zip(
                    best, everybody, least, bounds, strict=True
                )
            ]
        return best

    def _sums_since(self, firsts: Sequence[date]) -> "models.QuerySet[Any, Any]":
        sums = {}
        for index, first in enumerate(firsts):
            since = Q(day__gte=first)
            sums[f"quantity_{index}"] = Coalesce(Sum("quantity", filter=since), 0)
            sums[f"revenue_{index}"] = Coalesce(Sum("revenue", filter=since), 0)
        return (
            self.order_by().values("product_id", "product__name", "product__price").annotate(**sums)
        )

    def _best_of_each_day(
        self, since: date, until: date, depth: int
    ) -> tuple[set[int], dict[date, int]]:
        """Products among the best `depth` of a day, and the most that others can have sold each."""
        days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
        # Each day's rows in a table of their own: SQLite takes no LIMIT in a part of a UNION.
        best = " UNION ALL ".join(
            f"SELECT * FROM ({BEST_OF_A_DAY}) day_{n}"  # noqa: S608  no value from outside
            for n, _ in enumerate(days)
        )
        product_ids: set[int] = set()
        of_day: dict[date, list[int]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(best, [value for day in days for value in (day.isoformat(), depth)])
            for day, product_id, quantity in cursor.fetchall():
                product_ids.add(product_id)
                # SQLite has no dates.
                of_day[day if isinstance(day, date) else date.fromisoformat(day)].append(quantity)
        return product_ids, {day: min(sold) for day, sold in of_day.items() if len(sold) == depth}


def _best(sums: Iterable[Any], index: int, limit: int) -> list[Any]:
    """The best of one of the periods of `_sums_since`, as `_ranked` has them."""
    rows = [
        {
            **{name: row[name] for name in ("product_id", "product__name", "product__price")},
            "total_quantity": row[f"quantity_{index}"],
            "total_revenue": row[f"revenue_{index}"],
        }
        for row in sums
        if row[f"quantity_{index}"] > 0
    ]
    rows.sort(key=lambda row: (-row["total_quantity"], -row["total_revenue"], row["product_id"]))
    return rows[:limit]


BEST_OF_A_DAY = """
    SELECT day, product_id, quantity FROM stats_dailyproductsales
    WHERE day = %s AND quantity > 0 ORDER BY quantity DESC LIMIT %s
"""


class DailyProductSales(models.Model):
    """Pieces and won of one product sold on one day of the shop, cancelled orders taken out."""

    product = models.ForeignKey(
        Product,
        models.PROTECT,
        related_name="daily_sales",
        verbose_name=_("product"),
        db_index=False,  # the unique constraint starts with it
    )
    day = models.DateField(_("day (Seoul)"))
    quantity = models.BigIntegerField(_("quantity"), default=0)
    revenue = models.BigIntegerField(_("revenue (won, before discounts)"), default=0)

    objects = DailyProductSalesQuerySet.as_manager()

    class Meta:
        verbose_name = _("daily product sales")
        verbose_name_plural = _("daily product sales")
        ordering = ["-day", "product_id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "day"], name="daily_sales_product_day_uniq"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=0), name="daily_sales_quantity_gte_0"
            ),
            models.CheckConstraint(
                condition=models.Q(revenue__gte=0), name="daily_sales_revenue_gte_0"
            ),
        ]
        indexes = [
            # Each day's best sellers first. It covers the top sellers' queries: they read the days
            # asked for and nothing else.
            models.Index(
                fields=["day", "quantity", "product", "revenue"], name="daily_sales_best_idx"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.product}: {self.quantity:,}"
