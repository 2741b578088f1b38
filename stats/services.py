"""Keeping daily sales true, within the transactions of orders."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from ecommerce.common.rows import save_or_update
from stats.models import DailyProductSales


@dataclass(slots=True)
class Sold:
    """Pieces and won."""

    quantity: int = 0
    revenue: int = 0


SalesByProductDay = Mapping[tuple[int, date], Sold]
"""Sales by product id and day of the shop."""


def record_sales(sales: SalesByProductDay) -> None:
    """Add sales to their days. Needs an open transaction that holds the products' locks.

    Those locks serialise all writers of these rows, so the rows need none of their own. Two
    statements, however many products.
    """
    if not sales:
        return
    rows = {(row.product_id, row.day): row for row in _rows_of(sales)}
    for (product_id, day), sold in sales.items():
        row = rows.setdefault((product_id, day), DailyProductSales(product_id=product_id, day=day))
        row.quantity += sold.quantity
        row.revenue += sold.revenue
    # By the unique pair rather than the id, which the database is left to give: an existing row
    # and a new one are then written by the same statement.
    ordered = sorted(rows.values(), key=lambda row: (row.product_id, row.day))
    save_or_update(ordered, ["quantity", "revenue"], unique=["product", "day"])


def take_back_sales(sales: SalesByProductDay) -> None:
    """Take sales out of the days they were counted in. As `record_sales` otherwise."""
    record_sales({key: Sold(-sold.quantity, -sold.revenue) for key, sold in sales.items()})


def _rows_of(sales: SalesByProductDay) -> Iterable[DailyProductSales]:
    by_day: dict[date, list[int]] = {}
    for product_id, day in sales:
        by_day.setdefault(day, []).append(product_id)
    condition = Q()
    for day, product_ids in by_day.items():
        condition |= Q(day=day, product__in=product_ids)
    return DailyProductSales.objects.filter(condition)
