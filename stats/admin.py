"""The back office of what was sold."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.admin.exports import ExportsRows
from common.admin.kinds import History
from common.admin.lists import counted_column, number_column
from common.admin.tables import RelatedTable, list_url, shown_below
from common.admin.text import COUNT, WON
from products.admin import FoundByProduct
from products.models import Product
from stats.models import DailyProductSales

SOLD_DAYS = 7
HISTORY_ROWS = 10


@counted_column(Product, description=_("sold in 7 days"), before="is_active")
def sold_lately(products: Sequence[Product]) -> dict[int, int]:
    since = timezone.localdate() - timedelta(days=SOLD_DAYS - 1)
    sales = DailyProductSales.objects.filter(product__in=products, day__gte=since)
    sums = sales.order_by().values("product").annotate(sold=Sum("quantity"))
    return dict(sums.values_list("product", "sold"))


@shown_below(Product, permission="stats.view_dailyproductsales")
def _sales_table(product: Product) -> RelatedTable:
    latest = DailyProductSales.objects.filter(product=product).order_by("-day")[:HISTORY_ROWS]
    return RelatedTable(
        _("sales per day"),
        [_("day (Seoul)"), _("quantity"), _("revenue (won, before discounts)")],
        [(one.day, COUNT.format(one.quantity), WON.format(one.revenue)) for one in latest],
        list_url(DailyProductSales, product__id__exact=product.pk),
    )


@admin.register(DailyProductSales)
class DailyProductSalesAdmin(ExportsRows, History, FoundByProduct):
    list_display = [
        "day",
        "product",
        number_column("quantity", _("quantity")),
        number_column("revenue", _("revenue (won, before discounts)"), WON),
    ]
    list_select_related = ["product"]
    list_filter = ["day", "product__category"]
    ordering = ["-day", "-quantity", "-product_id"]  # an index, read backwards
    fields: ClassVar[Any] = list_display
