"""The back office of orders."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter, TextFilter

from common.admin.exports import Column, ExportsRows, OfMany
from common.admin.kinds import History, ReadOnly
from common.admin.lists import UnfoldTabularInline, number_column
from common.admin.pages import object_deed
from common.admin.tables import RelatedTable, link, list_url, shown_below
from common.admin.text import COUNT, SIGNED, WON, moment
from common.admin.timeline import Moment, told_in_timeline
from common.admin.told import Told
from common.db.caseless import rows_containing
from common.db.fields import DB_IDS
from coupons.models import Coupon
from orders.models import Order, OrderItem
from orders.services import cancel_order
from products.admin import FoundByProduct
from products.models import Product
from users.admin import FoundByMember
from users.models import User, WalletTransaction

FILTER_MATCHES_MAX = 50
"""To how many products, or campaigns, a filter's text may refer."""

ASKED_BY_DASHBOARD = {"order__created_at__lt", "product__category__id__exact"}
LATEST = 10

ITEM_COLUMNS: list[Any] = [
    "product",
    "product_name",
    number_column("unit_price", _("unit price (won)"), WON),
    number_column("quantity", _("quantity"), COUNT),
    number_column("line_total", _("line total (won)"), WON),
]


class OrderItemInline(ReadOnly, UnfoldTabularInline):
    model = OrderItem
    fields: ClassVar[Any] = ITEM_COLUMNS
    readonly_fields: ClassVar[Any] = ITEM_COLUMNS
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("product")


class ProductFilter(TextFilter):  # type: ignore[misc]
    """Orders of a product: its SKU, or a part of its name. By the index of its order lines."""

    title = _("product (SKU or name)")
    parameter_name = "product"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = (self.value() or "").strip()
        if not text:
            return queryset
        exact = Product.objects.filter(sku=text)
        found = exact if exact.exists() else Product.objects.search_for_staff(text)
        ids = list(found.order_by("pk").values_list("pk", flat=True)[:FILTER_MATCHES_MAX])
        if len(ids) == 1:
            return queryset.filter(items__product=ids[0])
        items = OrderItem.objects.filter(product__in=ids)
        return queryset.filter(pk__in=items.order_by().values("order"))


class CampaignFilter(TextFilter):  # type: ignore[misc]
    """Orders with a coupon of a campaign: its number, or a part of its name."""

    title = _("coupon (number or name)")
    parameter_name = "campaign"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        text = (self.value() or "").strip()
        if not text:
            return queryset
        campaigns: QuerySet[Coupon] = Coupon.objects.order_by("-pk")
        if text.isascii() and text.isdigit() and int(text[:20]) in DB_IDS:
            found: QuerySet[Any] = campaigns.filter(pk=int(text[:20]))
        else:
            found = rows_containing(campaigns, ["name"], text)
        ids = list(found.values_list("pk", flat=True)[:FILTER_MATCHES_MAX])
        return queryset.filter(coupon__coupon__in=ids)


@admin.register(Order)
class OrderAdmin(ExportsRows, History, FoundByMember):
    found_everywhere = "receipt_long"
    list_display = [
        "number",
        "user",
        "status",
        number_column("subtotal", _("subtotal (won)"), WON),
        number_column("discount", _("discount (won)"), WON),
        number_column("total", _("total (won)"), WON),
        "created_at",
    ]
    list_select_related = ["user"]
    list_filter = [("day", RangeDateFilter), "status", ProductFilter, CampaignFilter]
    list_filter_submit = True
    search_fields = ["number", "user__username", "user__email"]
    search_help_text = _("A whole number, or a part of the member's name or email.")
    fields: ClassVar[Any] = [*list_display, "day", "coupon", "cancelled_at"]
    inlines = [OrderItemInline]
    actions_detail = ["cancel"]

    def export_columns(self) -> list[Column]:
        return [
            ("number", "number"),
            ("member", "user__username"),
            ("status", "status"),
            ("day", "day"),
            ("created_at", "created_at"),
            ("cancelled_at", "cancelled_at"),
            ("subtotal", "subtotal"),
            ("discount", "discount"),
            ("total", "total"),
            ("coupon", OfMany(_coupons_of)),
            ("items", OfMany(_items_of)),
        ]

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        numbered = queryset.filter(number=text.upper())
        return numbered if numbered.exists() else super().search(queryset, text)

    def is_actionable(self, obj: Order) -> bool:
        return obj.status == Order.Status.PAID

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("orders.change_order")

    @object_deed(
        description=_("Cancel order"),
        icon="undo",
        permission="cancel",
        danger=True,
        facts=lambda self, order: {
            _("order"): order.number,
            _("member"): order.user,
            _("status"): order.get_status_display(),
            _("total (won)"): WON.format(order.total),
        },
    )
    def cancel(self, request: HttpRequest, order: Order, data: Any) -> Told:
        cancelled = cancel_order(order_id=order.pk)
        values = {"total": WON.format(cancelled.total), "reason": data["reason"]}
        return Told("Order cancelled; %(total)s went back to the member: %(reason)s", values)


def _coupons_of(ids: Sequence[int]) -> dict[int, str]:
    """What the coupons of orders are called, by the orders' ids."""
    used = Order.objects.filter(pk__in=ids, coupon__isnull=False).order_by()
    named = used.values_list("pk", "coupon__coupon__name", "coupon__issue_number")
    return {pk: f"{name} #{number}" for pk, name, number in named}


def _items_of(ids: Sequence[int]) -> dict[int, str]:
    """What was bought by orders, by their ids, each in one text."""
    items = OrderItem.objects.filter(order__in=ids).order_by("order", "pk")
    lines: defaultdict[int, list[str]] = defaultdict(list)
    for pk, sku, quantity, total in items.values_list(
        "order", "product__sku", "quantity", "line_total"
    ):
        lines[pk].append(f"{sku} × {quantity} = {total}")
    return {pk: "; ".join(texts) for pk, texts in lines.items()}


@told_in_timeline(Order, permission="orders.view_order")
def _order_moments(order: Order) -> Iterator[Moment]:
    placed = _("Ordered for %(total)s")
    yield Moment(order.created_at, placed % {"total": f"₩{order.total:,}"}, order.user)
    if order.coupon_id:
        yield Moment(order.created_at, _("Coupon used: %(coupon)s") % {"coupon": order.coupon})
    if order.cancelled_at:
        yield Moment(order.cancelled_at, _("Order cancelled"))


@told_in_timeline(Order, permission="users.view_wallettransaction")
def _money_of_order(order: Order) -> Iterator[Moment]:
    kinds = WalletTransaction.Kind.values  # with them named, the unique pair is the index
    entries = WalletTransaction.objects.filter(kind__in=kinds, reference=order.number)
    for one in entries:
        yield Moment(one.created_at, f"{one.get_kind_display()} {SIGNED.format(one.amount)}")


@shown_below(User, permission="orders.view_order")
def _orders_of_member(user: User) -> RelatedTable:
    latest = Order.objects.filter(user=user).order_by("-pk")[:LATEST]
    return RelatedTable(
        _("orders"),
        [_("order"), _("when"), _("status"), _("discount"), _("total")],
        [
            (
                link(one),
                moment(one.created_at),
                one.get_status_display(),
                WON.format(one.discount),
                WON.format(one.total),
            )
            for one in latest
        ],
        list_url(Order, user__id__exact=user.pk),
    )


@shown_below(Product, permission="orders.view_orderitem")
def _orders_of_product(product: Product) -> RelatedTable:
    items = OrderItem.objects.filter(product=product).select_related("order__user")
    latest = items.order_by("-pk")[:LATEST]
    return RelatedTable(
        _("latest orders"),
        [_("order"), _("when"), _("member"), _("quantity"), _("status")],
        [
            (
                link(one.order),
                moment(one.order.created_at),
                one.order.user,
                COUNT.format(one.quantity),
                one.order.get_status_display(),
            )
            for one in latest
        ],
        list_url(OrderItem, product__id__exact=product.pk),
    )


@admin.register(OrderItem)
class OrderItemAdmin(ExportsRows, History, FoundByProduct):
    list_display = ["order", *ITEM_COLUMNS]
    list_select_related = ["order", "product"]
    list_filter = ["order__day", "order__status"]
    ordering = ["-id"]
    search_fields = ["order__number", "product__search_name"]
    search_help_text = _("A whole order number, or a part of the product's name, in any case.")
    fields: ClassVar[Any] = list_display

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup in ASKED_BY_DASHBOARD or super().lookup_allowed(lookup, value, request)

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        ordered = queryset.filter(order__number=text.upper())
        return ordered if ordered.exists() else super().search(queryset, text)
