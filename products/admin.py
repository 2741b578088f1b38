"""The back office of products and their stock."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from ecommerce.common.admin import (
    COUNT,
    SIGNED,
    WON,
    ConditionFilter,
    History,
    SavedByService,
    ShopModelAdmin,
    number_column,
    object_action,
)
from ecommerce.common.transactions import run_transaction
from products.forms import ProductAddForm, StockAdjustmentForm
from products.models import Category, Product, ProductQuerySet, StockAdjustment
from products.services import adjust_stock, create_product

DESCRIPTIVE_FIELDS = ["name", "description", "category", "price", "is_active"]


@admin.register(Category)
class CategoryAdmin(ShopModelAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}


class StockFilter(ConditionFilter):
    title = _("stock")
    parameter_name = "stock"

    def conditions(self) -> dict[str, Any]:
        return {"left": (_("in stock"), Q(stock__gt=0)), "none": (_("sold out"), Q(stock=0))}


@admin.register(Product)
class ProductAdmin(SavedByService):
    list_display = [
        "name",
        "category",
        number_column("price", _("price (won)"), WON),
        number_column("stock", _("stock")),
        "is_active",
        "created_at",
    ]
    list_select_related = ["category"]
    list_filter = ["is_active", StockFilter, "category"]
    ordering = ["-id"]
    search_fields = ["search_name"]
    search_help_text = _("A part of the name, in Korean or English, in any case.")
    fields = [*DESCRIPTIVE_FIELDS, "stock_now", "created_at"]
    readonly_fields = ["stock_now", "created_at"]
    add_fieldsets = [(None, {"fields": [*DESCRIPTIVE_FIELDS, "opening_stock"]})]
    add_form = ProductAddForm
    actions_row = ["adjust_stock"]
    actions_detail = ["adjust_stock"]

    @admin.display(description=_("stock"))
    def stock_now(self, product: Product) -> str:
        return COUNT.format(product.stock)

    def search(self, queryset: Any, text: str) -> ProductQuerySet:
        found: ProductQuerySet = queryset.search_all(text)
        return found

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        if change:
            # Never the stock: it may have been sold since the form was opened.
            columns = [*DESCRIPTIVE_FIELDS, "search_name"]
            run_transaction(lambda settle: obj.save(update_fields=columns))
            return
        terms = {name: form.cleaned_data[name] for name in DESCRIPTIVE_FIELDS}
        stock = form.cleaned_data["opening_stock"]
        obj.pk = create_product(**terms, stock=stock, staff_id=request.user.pk).pk

    @object_action(description=_("Adjust stock"), icon="inventory_2", permission="change")
    def adjust_stock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(product: Product, data: dict[str, Any]) -> str:
            made = adjust_stock(product_id=product.pk, **data, staff_id=request.user.pk)
            return _now("Stock adjusted by %(quantity)s to %(stock)s: %(reason)s") % {
                "quantity": SIGNED.format(made.quantity),
                "stock": COUNT.format(made.stock_after),
                "reason": made.reason,
            }

        return self.object_page(
            request,
            object_id,
            title=_("Adjust stock"),
            form_class=StockAdjustmentForm,
            facts=lambda product: {_("product"): product, _("stock"): self.stock_now(product)},
            act=act,
        )


class FoundByProduct(ShopModelAdmin):
    """Rows about a product, found by its name."""

    search_fields = ["product__search_name"]
    search_help_text = _("A part of the product's name, in Korean or English, in any case.")

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(product__in=Product.objects.search_all(text))


@admin.register(StockAdjustment)
class StockAdjustmentAdmin(History, FoundByProduct):
    list_display = [
        "product",
        number_column("quantity", _("quantity (signed)"), SIGNED),
        number_column("stock_after", _("stock after")),
        "reason",
        "created_by",
        "created_at",
    ]
    list_select_related = ["product", "created_by"]
    list_filter = ["created_at"]
    fields: ClassVar[Any] = list_display
