"""The back office of what was sold."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from common.admin.kinds import History
from common.admin.lists import number_column
from common.admin.text import WON
from products.admin import FoundByProduct
from stats.models import DailyProductSales


@admin.register(DailyProductSales)
class DailyProductSalesAdmin(History, FoundByProduct):
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
