"""The back office of orders."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from ecommerce.common.admin import (
    COUNT,
    WON,
    History,
    ReadOnly,
    UnfoldTabularInline,
    number_column,
    object_action,
)
from orders.models import Order, OrderItem
from orders.services import cancel_order
from products.admin import FoundByProduct
from users.admin import FoundByMember

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


@admin.register(Order)
class OrderAdmin(History, FoundByMember):
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
    list_filter = ["status", "day"]
    search_fields = ["number", "user__username", "user__email"]
    search_help_text = _("A whole number, or a part of the member's name or email.")
    fields: ClassVar[Any] = [*list_display, "day", "coupon", "cancelled_at"]
    inlines = [OrderItemInline]
    actions_detail = ["cancel"]

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        numbered = queryset.filter(number=text.upper())
        return numbered if numbered.exists() else super().search(queryset, text)

    def is_actionable(self, obj: Order) -> bool:
        return obj.status == Order.Status.PAID

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("orders.change_order")

    @object_action(description=_("Cancel order"), icon="undo", permission="cancel", danger=True)
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(order: Order, data: dict[str, Any]) -> str:
            cancelled = cancel_order(order_id=order.pk)
            return _now("Order cancelled; %(total)s went back to the member.") % {
                "total": WON.format(cancelled.total)
            }

        return self.object_page(
            request,
            object_id,
            title=_("Cancel order"),
            form_class=Form,
            facts=lambda order: {
                _("order"): order.number,
                _("member"): order.user,
                _("status"): order.get_status_display(),
                _("total (won)"): WON.format(order.total),
            },
            act=act,
        )


@admin.register(OrderItem)
class OrderItemAdmin(History, FoundByProduct):
    list_display = ["order", *ITEM_COLUMNS]
    list_select_related = ["order", "product"]
    list_filter = ["order__day", "order__status"]
    ordering = ["-id"]
    search_fields = ["order__number", "product__search_name"]
    search_help_text = _("A whole order number, or a part of the product's name, in any case.")
    fields: ClassVar[Any] = list_display

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        ordered = queryset.filter(order__number=text.upper())
        return ordered if ordered.exists() else super().search(queryset, text)
