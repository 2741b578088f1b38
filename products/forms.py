"""The forms of the back office."""

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from ecommerce.common.admin import ReasonForm, ServiceForm, not_zero
from products.models import STOCK_MAX


class ProductAddForm(ServiceForm):
    """A new product, with the stock that it opens with."""

    opening_stock = forms.IntegerField(
        label=_("Opening stock"),
        min_value=0,
        max_value=STOCK_MAX,
        initial=0,
        help_text=_("Later changes are adjustments, each with its reason."),
        widget=UnfoldAdminIntegerFieldWidget,
    )


class StockAdjustmentForm(ReasonForm):
    """A change of stock that is no sale."""

    quantity = forms.IntegerField(
        label=_("Quantity"),
        min_value=-STOCK_MAX,
        max_value=STOCK_MAX,
        validators=[not_zero],
        help_text=_("Pieces to add; with a minus sign, pieces to take away."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    field_order = ["quantity", "reason"]
