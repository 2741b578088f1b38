"""Keeping daily sales true within the transactions of orders, and telling what sells best."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from common.db.rows import save_fields, save_new
from common.db.secondary import read_near
from common.remembered import Remembered
from products.models import Category
from stats.errors import UnknownCategory
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
    statements, however many products, and a third when some are sold that day for the first time.
    """
    if not sales:
        return
    rows = {(row.product_id, row.day): row for row in _rows_of(sales)}
    new = {
        key: DailyProductSales(product_id=key[0], day=key[1])
        for key in sorted(sales.keys() - rows.keys())
    }
    for key, sold in sales.items():
        row = rows.get(key) or new[key]
        row.quantity += sold.quantity
        row.revenue += sold.revenue
    save_fields(rows.values(), ["quantity", "revenue"])
    save_new([*new.values()])
    transaction.on_commit(_best_sellers.forget)
    transaction.on_commit(_best_of_categories.forget)


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


class _Asked(NamedTuple):
    since: date
    until: date
    category: str | None


def best_sellers(*, since: date, until: date, limit: int, category: str | None = None) -> list[Any]:
    """The `top_products` of a period, at most `BEST_SELLERS_MAX`, remembered for a moment.

    `category` is a slug. Of what was sold elsewhere, and of new names and prices, it hears up to
    `BEST_SELLERS_MEMORY_SECONDS` late.

    Raises:
        Busy: others wait for the first answer already, and it takes long.
        UnknownCategory: no category has that slug.
    """
    remembered = _best_sellers if category is None else _best_of_categories
    return remembered(_Asked(since, until, category))[:limit]


def _ask(asked: _Asked) -> list[Any]:
    return read_near(partial(_top_products, asked))


def _top_products(asked: _Asked) -> list[Any]:
    category = None
    if asked.category is not None:
        category = Category.objects.filter(slug=asked.category).first()
        if category is None:
            raise UnknownCategory
    return DailyProductSales.objects.top_products(
        since=asked.since, until=asked.until, limit=BEST_SELLERS_MAX, category=category
    )


_best_sellers: Remembered[_Asked, list[Any]] = Remembered(
    _ask, seconds=lambda: settings.BEST_SELLERS_MEMORY_SECONDS
)
_best_of_categories: Remembered[_Asked, list[Any]] = Remembered(
    _ask, seconds=lambda: settings.BEST_SELLERS_MEMORY_SECONDS
)
"""Apart: however many of these are asked for, what everybody asks for is not forgotten."""
