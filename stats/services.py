"""Keeping daily sales true within the transactions of orders, and telling what sells best."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from common.db.rows import save_or_update
from common.remembered import Remembered
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
    transaction.on_commit(_best_sellers.forget)


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


# --- What sells best ------------------------------------------------------------------------------

BEST_SELLERS_MAX = 50


def best_sellers(
    *, since: date, until: date, limit: int, category_id: int | None = None
) -> list[Any]:
    """The `top_products` of a period, at most `BEST_SELLERS_MAX`, remembered for a moment.

    Of what was sold elsewhere, and of new names and prices, it hears up to
    `BEST_SELLERS_MEMORY_SECONDS` late.

    Raises:
        Busy: others wait for the first answer already, and it takes long.
    """
    return _best_sellers((since, until, category_id))[:limit]


Asked = tuple[date, date, int | None]
"""From when until when, and of which category, or of all."""


def _top_products(asked: Asked) -> list[Any]:
    since, until, category_id = asked
    sales = DailyProductSales.objects.all()
    if category_id is not None:
        sales = sales.filter(product__category=category_id)
    return sales.top_products(since=since, until=until, limit=BEST_SELLERS_MAX)


_best_sellers: Remembered[Asked, list[Any]] = Remembered(
    _top_products, seconds=lambda: settings.BEST_SELLERS_MEMORY_SECONDS
)
