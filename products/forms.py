"""The forms of the back office."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from common.admin.forms import PlainForm, ReasonedForm, ReasonForm, ServiceForm, not_zero
from common.admin.numbers import GroupedNumberField, PlainDecimalField, WholeNumberField
from common.admin.rows import RowForm
from common.admin.sureness import AsksIfSure
from products.models import IMPORT_NAME_MAX_LENGTH, STOCK_MAX, Category, Product

AROUND_A_FILE_BYTES = 100_000
"""What a body may have beside the file that it brings."""


class ProductForm(ReasonedForm, AsksIfSure):
    """What describes a product, its price, and whether it is sold."""


class ProductAddForm(ServiceForm, AsksIfSure):
    """A new product, with the stock that it opens with."""

    opening_stock = WholeNumberField(
        label=_("Opening stock"),
        min_value=0,
        max_value=STOCK_MAX,
        initial=0,
        help_text=_("Later changes are adjustments, each with its reason."),
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["sku"] = ""
        self.fields["sku"].show_hidden_initial = False
        self.fields["sku"].initial = ""
        self.fields["sku"].required = False
        self.fields["sku"].help_text = _("Empty: the shop makes one.")


class ProductRowForm(RowForm):
    """The price of a product, and whether it is sold, where it stands in the list."""

    price = Product._meta.get_field("price").formfield(
        form_class=GroupedNumberField,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean_price(self) -> int:
        price: int = self.cleaned_data["price"]
        if price == 0 != self.instance.price:
            text = _(
                "At 0 won anybody may have it for nothing: its own page lets you, if you mean it."
            )
            raise ValidationError(text, code="free")
        return price


class StockAdjustmentForm(ReasonForm):
    """A change of stock that is no sale."""

    quantity = WholeNumberField(
        label=_("Quantity"),
        min_value=-STOCK_MAX,
        max_value=STOCK_MAX,
        validators=[not_zero],
        help_text=_("Pieces to add; with a minus sign, pieces to take away."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    field_order = ["quantity", "reason"]


class CategoryChangeForm(ReasonForm):
    """Another category for several products."""

    category = forms.ModelChoiceField(
        Category.objects.order_by("name"),
        label=_("Category"),
        required=False,
        empty_label=_("without a category"),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ["category", "reason"]


class PriceChangeForm(ReasonForm):
    """A change of prices by percent."""

    percent = PlainDecimalField(
        label=_("Change by percent"),
        min_value=Decimal(-100),
        max_value=Decimal(1_000),
        max_digits=6,
        decimal_places=2,
        help_text=_("10 makes a price of 1,000 won 1,100; -10 makes it 900."),
        widget=UnfoldAdminDecimalFieldWidget,
    )
    round_to = forms.TypedChoiceField(
        label=_("Round to"),
        coerce=int,
        initial=1,
        choices=[(1, _("whole won")), (10, _("10 won")), (100, _("100 won"))],
        help_text=_("Half is rounded up: 1,050 becomes 1,100 when rounded to 100 won."),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ["percent", "round_to", "reason"]

    def clean_percent(self) -> Decimal:
        percent: Decimal = self.cleaned_data["percent"]
        if percent == 0:
            raise ValidationError(_("It must not be 0."), code="zero")
        if percent == -100:
            text = _("Everything would cost 0 won, and anybody might have it for nothing.")
            raise ValidationError(text, code="free")
        return percent


class ProductImportForm(PlainForm, forms.Form):
    """A file of products, and the name under which it is imported."""

    import_file = forms.FileField(label=_("File"), widget=UnfoldAdminFileFieldWidget)
    import_name = forms.CharField(
        label=_("Name of this import"),
        max_length=IMPORT_NAME_MAX_LENGTH,
        help_text=_(
            "For example the number of the delivery note. It becomes the reason of the stock"
            " adjustments. Under one name, each product's stock is adjusted once: importing the"
            " file again counts nothing twice."
        ),
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_import_file(self) -> "UploadedFile[Any]":
        file: UploadedFile[Any] = self.cleaned_data["import_file"]
        most = settings.MAX_IMPORT_BYTES - AROUND_A_FILE_BYTES
        if (file.size or 0) > most:
            raise ValidationError(
                _("The file is larger than %(max)s MB.") % {"max": most // 1_000_000}
            )
        return file


class ProductConfirmForm(forms.Form):
    """Which of the files that were looked at is to be imported."""

    import_key = forms.UUIDField(widget=forms.HiddenInput)
