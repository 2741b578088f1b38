"""Sales of each day."""

from collections.abc import Iterable

from django.db import connection
from django.utils.translation import gettext_noop as _noop

from common.admin.told import Told
from ecommerce.audit.parts import SHOWN, Invariant, Violations, told_of_row
from orders.models import Order
from stats.models import DailyProductSales

# Day by day, each side summed once: the ORM could only ask for each row's lines again and again.
SALES_OF_A_DAY_UNLIKE_ITS_ORDERS = """
    SELECT product_id, SUM(kept), SUM(kept_won), SUM(sold), SUM(sold_won), COUNT(*) OVER ()
    FROM (
        SELECT product_id, quantity AS kept, revenue AS kept_won, 0 AS sold, 0 AS sold_won
        FROM stats_dailyproductsales WHERE day = %s
        UNION ALL
        SELECT line.product_id, 0, 0, line.quantity, line.line_total
        FROM orders_orderitem line JOIN orders_order sale ON sale.id = line.order_id
        WHERE sale.day = %s AND sale.status = 'paid'
    ) sides
    GROUP BY product_id HAVING SUM(kept) <> SUM(sold) OR SUM(kept_won) <> SUM(sold_won)
    ORDER BY product_id LIMIT %s
"""
UNLIKE = _noop(
    "daily sales of product %(product)s on %(day)s: %(kept)s pieces and %(kept_won)s won"
    " are recorded, the orders say %(sold)s and %(sold_won)s"
)


def _daily_sales_unlike_the_orders() -> Violations:
    shown: list[Told] = []
    total = 0
    with connection.cursor() as cursor:
        for day in _days():
            cursor.execute(SALES_OF_A_DAY_UNLIKE_ITS_ORDERS, [day, day, SHOWN])
            rows = cursor.fetchall()
            total += rows[0][-1] if rows else 0
            for product, kept, kept_won, sold, sold_won, _ in rows[: SHOWN - len(shown)]:
                row = {"product": product, "day": day, "kept": kept, "kept_won": kept_won}
                shown.append(told_of_row(UNLIKE, row | {"sold": sold, "sold_won": sold_won}))
    return Violations(shown, total)


def _days() -> Iterable[str]:
    days = set(Order.objects.order_by().values_list("day", flat=True).distinct())
    days |= set(DailyProductSales.objects.order_by().values_list("day", flat=True).distinct())
    return [day.isoformat() for day in sorted(days)]


DAILY_SALES = Invariant(
    "daily sales are what the orders say",
    DailyProductSales,
    (_daily_sales_unlike_the_orders,),
)
