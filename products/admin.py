"""The back office of products and their stock."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from common.admin.exports import Column, ExportsRows, OfMany
from common.admin.forms import ReasonedForm, ReasonForm
from common.admin.kinds import AsksReason, History, SavedByService
from common.admin.lists import THINGS, ConditionFilter, ShopModelAdmin, number_column
from common.admin.pages import object_deed
from common.admin.rows import ChangesRows
from common.admin.sureness import AsksIfSureAdmin
from common.admin.tables import RelatedTable, link, list_url, shown_below
from common.admin.text import COUNT, SIGNED, WON, moment
from common.admin.timeline import SHOWN, Moment, told_in_timeline
from common.admin.told import Told, told_again, told_field, with_reason, yes_or_no
from common.admin.undo import Undoes
from common.errors import DomainError
from events.models import Event
from products.errors import CategoryHasChanged, PriceHasChanged
from products.forms import (
    CategoryChangeForm,
    PriceChangeForm,
    ProductAddForm,
    ProductForm,
    ProductRowForm,
    StockAdjustmentForm,
)
from products.import_pages import ImportsProducts
from products.import_undo import UndoesImports, table_of_changes
from products.models import DESCRIPTIVE, Category, ImportFile, Product, StockAdjustment
from products.services import (
    PriceRule,
    adjust_stock,
    change_prices,
    change_product,
    create_product,
    move_products,
    set_products_active,
    undo_stock_adjustment,
)

SOLD_DAYS = 7
HISTORY_ROWS = 10
NAMED_MAX = 10
"""How many of the products are named that keep a category from being deleted."""

RED = "font-semibold text-red-700 dark:text-red-400"
ORANGE = "font-semibold text-orange-700 dark:text-orange-400"


@admin.register(Category)
class CategoryAdmin(ExportsRows, AsksReason):
    counts = THINGS
    form = ReasonedForm
    fields: ClassVar[Any] = ["name", "slug"]
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What stands in the way of deleting categories: their products, and nothing else."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        products = Product.objects.filter(category__in=objs).order_by("-pk")
        if not products.exists():
            return to_delete, counts, needed, protected
        shown = [link(product) for product in products[:NAMED_MAX]]
        more = products.count() - len(shown)
        if more > 0:
            text = ngettext("and %(count)s more product", "and %(count)s more products", more)
            shown.append(
                format_html(
                    '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
                    list_url(Product, category__id__exact=objs[0].pk),
                    text % {"count": COUNT.format(more)},
                )
            )
        return to_delete, counts, set(), shown


class StockFilter(ConditionFilter):
    title = _("stock")
    parameter_name = "stock"

    def conditions(self) -> dict[str, Any]:
        return {
            "left": (_("in stock"), Q(stock__gt=0)),
            "low": (_("low"), Q(stock__gt=0, stock__lte=settings.LOW_STOCK)),
            "none": (pgettext_lazy("product", "sold out"), Q(stock=0)),
        }


@admin.register(Product)
class ProductAdmin(
    ImportsProducts, ExportsRows, ChangesRows, AsksIfSureAdmin, AsksReason, SavedByService
):
    found_everywhere = "inventory_2"
    counts = THINGS
    list_display = [
        "name",
        "sku",
        "category",
        "price",
        "stock_left",
        "is_active",
    ]
    list_editable = ["price", "is_active"]
    row_form = ProductRowForm
    list_select_related = ["category"]
    list_filter = ["is_active", StockFilter, "category"]
    ordering = ["-id"]
    search_fields = ["search_name", "sku"]
    search_help_text = _(
        "A part of the name, in Korean or English, in any case, or how the SKU begins."
    )
    fields = [*DESCRIPTIVE, "stock_now", "created_at"]
    readonly_fields = ["stock_now", "created_at"]
    add_fieldsets = [(None, {"fields": [*DESCRIPTIVE, "opening_stock"]})]
    form = ProductForm
    add_form = ProductAddForm
    actions = ["put_on_sale", "withdraw", "change_price", "change_category"]
    actions_list: ClassVar[Any] = ["import_file", *ExportsRows.actions_list]
    actions_row = ["adjust_stock"]
    actions_detail = ["adjust_stock"]

    # --- The list ---

    @admin.display(description=_("stock"), ordering="stock")
    def stock_left(self, product: Product) -> str:
        if product.stock == 0:
            return format_html('<span class="{}">{}</span>', RED, pgettext("product", "sold out"))
        text = COUNT.format(product.stock)
        if product.stock > settings.LOW_STOCK:
            return text
        return format_html('<span class="{}">{}</span>', ORANGE, text)

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.search_for_staff(text)  # type: ignore[attr-defined,no-any-return]

    def export_columns(self) -> list[Column]:
        return [
            *((name, "category__name" if name == "category" else name) for name in DESCRIPTIVE),
            ("stock", "stock"),
            ("stock_adjustment", OfMany(lambda ids: {})),  # to be filled in, and imported
        ]

    # --- The form ---

    @admin.display(description=_("stock"))
    def stock_now(self, product: Product) -> str:
        return COUNT.format(product.stock)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        if change:
            # Only what was changed here: the rest is as it is by now, not as the form has it.
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            changes.pop("reason", None)
            change_product(product_id=obj.pk, sure=form.cleaned_data.get("sure"), **changes)
            return
        terms = {name: form.cleaned_data[name] for name in DESCRIPTIVE}
        stock = form.cleaned_data["opening_stock"]
        sure = form.cleaned_data["sure"]
        obj.pk = create_product(**terms, stock=stock, staff_id=request.user.pk, sure=sure).pk

    # --- Actions ---

    @object_deed(
        description=_("Adjust stock"),
        icon="inventory_2",
        permission="change",
        facts=lambda self, product: {_("product"): product, _("stock"): self.stock_now(product)},
        form_class=StockAdjustmentForm,
    )
    def adjust_stock(self, request: HttpRequest, product: Product, data: Any) -> Told:
        made = adjust_stock(product_id=product.pk, **data, staff_id=request.user.pk)
        values = {
            "quantity": SIGNED.format(made.quantity),
            "stock": COUNT.format(made.stock_after),
            "reason": made.reason,
        }
        return Told("Stock adjusted by %(quantity)s to %(stock)s: %(reason)s", values)

    @admin.action(description=_("Put on sale"), permissions=["change"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._set_active(request, queryset, _("Put on sale"), is_active=True)

    @admin.action(description=_("Withdraw from sale"), permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._set_active(request, queryset, _("Withdraw from sale"), is_active=False)

    def _set_active(
        self, request: HttpRequest, queryset: QuerySet[Any], title: Any, *, is_active: bool
    ) -> HttpResponse | None:
        def act(products: list[Product], data: dict[str, Any]) -> str:
            ids = [product.pk for product in products]
            changed = set_products_active(product_ids=ids, is_active=is_active)
            done = Told("Put on sale") if is_active else Told("Withdrawn from sale")
            told = with_reason(done, data["reason"])
            self.log_changes(request, ((one, told) for one in changed))
            return _now("%(done)s: %(count)s; the others were so already.") % {
                "done": done,
                "count": COUNT.format(len(changed)),
            }

        return self.selection_page(
            request,
            queryset.select_related("category"),
            title=title,
            form_class=ReasonForm,
            show=lambda products, data: RelatedTable(
                _("products"),
                [_("name"), _("SKU"), _("stock"), pgettext_lazy("product", "active")],
                [
                    (one.name, one.sku, COUNT.format(one.stock), _yes_or_no(one.is_active))
                    for one in products
                ],
            ),
            depends_on_form=False,
            act=act,
        )

    @admin.action(description=_("Change prices by percent"), permissions=["change"])
    def change_price(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        def act(products: list[Product], data: dict[str, Any]) -> str:
            done = change_prices(
                old_prices=_seen_by_id(data["seen"], products, PriceHasChanged), rule=_rule(data)
            )
            self.log_changes(
                request,
                (
                    (
                        one.product,
                        Told(
                            "Price (won): %(old)s → %(new)s (%(reason)s)",
                            {
                                "old": COUNT.format(one.old_price),
                                "new": COUNT.format(one.product.price),
                                "reason": data["reason"],
                            },
                        ),
                    )
                    for one in done
                ),
            )
            return _now("Prices changed: %(count)s.") % {"count": COUNT.format(len(done))}

        return self.selection_page(
            request,
            queryset,
            title=_("Change prices by percent"),
            form_class=PriceChangeForm,
            show=_prices_table,
            depends_on_form=True,
            act=act,
            seen=lambda products: ",".join(f"{one.pk}:{one.price}" for one in products),
        )

    @admin.action(description=_("Change the category"), permissions=["change"])
    def change_category(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        def act(products: list[Product], data: dict[str, Any]) -> str:
            new: Category | None = data["category"]
            seen = _seen_by_id(data["seen"], products, CategoryHasChanged)
            moved = move_products(
                old_categories={pk: old or None for pk, old in seen.items()},
                category_id=new.pk if new else None,
            )
            before = {product.pk: product.category for product in products}
            self.log_changes(
                request, ((one, _told_move(before[one.pk], new, data["reason"])) for one in moved)
            )
            return _now("%(done)s: %(count)s; the others were so already.") % {
                "done": new or _now("without a category"),
                "count": COUNT.format(len(moved)),
            }

        return self.selection_page(
            request,
            queryset.select_related("category"),
            title=_("Change the category"),
            form_class=CategoryChangeForm,
            show=lambda products, data: RelatedTable(
                _("products"),
                [_("name"), _("SKU"), _("category")],
                [(one.name, one.sku, str(one.category or "–")) for one in products],
            ),
            depends_on_form=False,
            act=act,
            seen=lambda products: ",".join(f"{one.pk}:{one.category_id or 0}" for one in products),
        )


def _told_move(old: Category | None, new: Category | None, reason: str) -> Told:
    names = {"old": str(old or "–"), "new": str(new or "–")}
    label = told_field(Product._meta.get_field("category"))
    return with_reason(Told("%(field)s: %(old)s → %(new)s", {"field": label, **names}), reason)


def _yes_or_no(value: bool) -> str:
    return str(yes_or_no(value))


def _rule(data: dict[str, Any]) -> PriceRule:
    return PriceRule(data["percent"], data["round_to"])


def _seen_by_id(seen: str, products: list[Product], changed: type[DomainError]) -> dict[int, int]:
    """What a page showed of each product; raises `changed` if it showed other products."""
    try:
        pairs = (pair.split(":") for pair in seen.split(","))
        by_id = {int(pk): int(value) for pk, value in pairs}
    except ValueError:
        by_id = {}
    if by_id.keys() != {product.pk for product in products}:
        raise changed
    return by_id


def _prices_table(products: list[Product], data: dict[str, Any] | None) -> RelatedTable:
    rule = _rule(data) if data else None
    rows = [
        (
            one.name,
            one.sku,
            WON.format(one.price),
            WON.format(rule.new_price(one.price)) if rule else "–",
        )
        for one in products
    ]
    return RelatedTable(_("prices"), [_("name"), _("SKU"), _("price"), _("new price")], rows)


@shown_below(Product, permission="products.view_stockadjustment")
def _adjustments_table(product: Product) -> RelatedTable:
    latest = product.adjustments.select_related("created_by").order_by("-pk")[:HISTORY_ROWS]
    return RelatedTable(
        _("stock adjustments"),
        [_("when"), _("quantity"), _("stock after"), _("reason"), _("adjusted by")],
        [
            (
                link(one, moment(one.created_at)),
                SIGNED.format(one.quantity),
                COUNT.format(one.stock_after),
                one.told_reason,
                one.created_by or "–",
            )
            for one in latest
        ],
        list_url(StockAdjustment, product__id__exact=product.pk),
    )


@told_in_timeline(Product, permission="products.view_product")
def _listed(product: Product) -> Iterator[Moment]:
    yield Moment(product.created_at, _("In the shop from here on"))


@told_in_timeline(
    Product,
    permission="products.view_stockadjustment",
    instead_of=["Stock adjusted by %(quantity)s to %(stock)s: %(reason)s"],
)
def _stock_moments(product: Product) -> Iterator[Moment]:
    made = product.adjustments.select_related("created_by").order_by("-pk")
    told = _("Stock adjusted by %(quantity)s to %(stock)s")
    for one in made[:SHOWN]:
        values = {
            "quantity": SIGNED.format(one.quantity),
            "stock": COUNT.format(one.stock_after),
        }
        yield Moment(one.created_at, told % values, one.created_by or "", one.told_reason)


@told_in_timeline(Product, permission="events.view_event")
def _ran_low(product: Product) -> Iterator[Moment]:
    for event in Event.objects.filter(about=f"product:{product.pk}").order_by("-pk")[:SHOWN]:
        yield Moment(event.occurred_at, event.get_kind_display())


class FoundByProduct(ShopModelAdmin):
    """Rows about a product, found by its name."""

    search_fields = ["product__search_name"]
    search_help_text = _("A part of the product's name, in Korean or English, in any case.")

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(product__in=Product.objects.search_for_staff(text))


@admin.register(StockAdjustment)
class StockAdjustmentAdmin(ExportsRows, History, FoundByProduct, Undoes):
    list_display = [
        "product",
        number_column("quantity", _("quantity (signed)"), SIGNED),
        number_column("stock_after", _("stock after")),
        "told_reason",
        "created_by",
        "created_at",
    ]
    list_select_related = ["product", "created_by"]
    list_filter = ["created_at"]
    fields: ClassVar[Any] = list_display
    undo_permission = "products.change_product"

    def undo_facts(self, obj: StockAdjustment) -> dict[Any, object]:
        product = Product.objects.get(pk=obj.product_id)
        return {
            _("product"): product,
            _("adjustment"): SIGNED.format(obj.quantity),
            _("reason"): obj.told_reason,
            _("stock"): COUNT.format(product.stock),
        }

    def undo_row(self, request: HttpRequest, obj: StockAdjustment, reason: str) -> Told:
        made = undo_stock_adjustment(adjustment_id=obj.pk, reason=reason, staff_id=request.user.pk)
        values = {
            "quantity": SIGNED.format(made.quantity),
            "stock": COUNT.format(made.stock_after),
            "reason": made.reason,
        }
        return Told("Adjustment undone by %(quantity)s to %(stock)s: %(reason)s", values)

    @admin.display(description=_("reason"))
    def told_reason(self, adjustment: StockAdjustment) -> str:
        return adjustment.told_reason

    def export_columns(self) -> list[Column]:
        return [(name.removeprefix("told_"), value) for name, value in super().export_columns()]


@shown_below(ImportFile, permission="products.view_product")
def _imported_table(file: ImportFile) -> RelatedTable:
    return table_of_changes(file)


@admin.register(ImportFile)
class ImportFileAdmin(ExportsRows, History, UndoesImports):
    """The files that were imported, what each did, and the page that takes it back."""

    list_display = ["name", "taken_at", "created_by", "told_outcome"]
    list_select_related = ["created_by"]
    list_filter = ["taken_at"]
    ordering = ["-created_at"]
    search_fields = ["name", "created_by__username"]
    search_help_text = _("A part of the import's name, or of who imported it.")
    fields: ClassVar[Any] = list_display

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        files = super().get_queryset(request).defer("content", "seen")
        return files.exclude(taken_at=None)

    @admin.display(description=_("outcome"))
    def told_outcome(self, file: ImportFile) -> str:
        return str(told_again(file.outcome))

    def export_columns(self) -> list[Column]:
        return [(name.removeprefix("told_"), value) for name, value in super().export_columns()]
