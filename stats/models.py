"""What was sold, per product and day."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import Sum
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
        product_ids, bound = self._best_of_each_day(since, until, DEPTH * limit)
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

    def _best_of_each_day(self, since: date, until: date, depth: int) -> tuple[set[int], int]:
        """Products among the best `depth` of a day, and the most that any other can have sold."""
        days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
        # Each day's rows in a table of their own: SQLite takes no LIMIT in a part of a UNION.
        best = " UNION ALL ".join(
            f"SELECT * FROM ({BEST_OF_A_DAY}) day_{n}"  # noqa: S608  no value from outside
            for n, _ in enumerate(days)
        )
        product_ids: set[int] = set()
        of_day: dict[Any, list[int]] = defaultdict(list)
        with connection.cursor() as cursor:
            cursor.execute(best, [value for day in days for value in (day.isoformat(), depth)])
            for day, product_id, quantity in cursor.fetchall():
                product_ids.add(product_id)
                of_day[day].append(quantity)
        bound = sum(min(sold) for sold in of_day.values() if len(sold) == depth)
        return product_ids, bound


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
