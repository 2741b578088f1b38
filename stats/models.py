"""What was sold, per product and day."""

from datetime import date
from typing import Any

from django.db import models
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from products.models import Category, Product


class DailyProductSalesQuerySet(models.QuerySet["DailyProductSales"]):
    def top_products(
        self, *, since: date, until: date, limit: int, category: Category | None = None
    ) -> list[Any]:
        """The best sellers from `since` to `until`, both included; of one category, if named.

        Most pieces first; ties by revenue, then by the lower product id. Products that were
        withdrawn or did not sell are not among them.
        """
        # The withdrawn are few, and found by their own index: to join all products for the sake of
        # these would cost more than the sum.
        withdrawn = Product.objects.filter(is_active=False)
        sales = self.filter(day__range=(since, until))
        if category is not None:
            sales = sales.filter(product__in=Product.objects.filter(category=category))
        best = (
            sales.exclude(product__in=withdrawn)
            .values("product_id")
            .annotate(total_quantity=Sum("quantity"), total_revenue=Sum("revenue"))
            .filter(total_quantity__gt=0)
            .order_by("-total_quantity", "-total_revenue", "product_id")[:limit]
        )
        names = Product.objects.in_bulk([row["product_id"] for row in best])
        return [
            {
                **row,
                "product__name": names[row["product_id"]].name,
                "product__price": names[row["product_id"]].price,
            }
            for row in best
        ]


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
