"""The admin's sidebar: what staff may see, in the order in which they need it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

# A model and its icon, one of Google's Material Symbols, which unfold brings along.
SECTIONS: list[tuple[Any, list[tuple[str, str]]]] = [
    (
        _("Sales"),
        [
            ("orders.Order", "receipt_long"),
            ("orders.OrderItem", "list_alt"),
            ("stats.DailyProductSales", "monitoring"),
        ],
    ),
    (
        _("Products"),
        [
            ("products.Product", "inventory_2"),
            ("products.Category", "category"),
            ("products.StockAdjustment", "swap_vert"),
            ("products.ImportFile", "upload_file"),
        ],
    ),
    (
        _("Coupons"),
        [
            ("coupons.Coupon", "confirmation_number"),
            ("coupons.IssuedCoupon", "loyalty"),
        ],
    ),
    (
        _("Members"),
        [
            ("users.User", "person"),
            ("users.Session", "devices"),
            ("users.Wallet", "account_balance_wallet"),
            ("users.WalletTransaction", "menu_book"),
            ("auth.Group", "groups"),
            ("admin.LogEntry", "history"),
        ],
    ),
    (
        _("Events"),
        [
            ("events.Endpoint", "webhook"),
            ("events.Delivery", "outbox"),
            ("events.Event", "bolt"),
        ],
    ),
    (_("Operations"), [("ecommerce.AuditRun", "fact_check")]),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections with what the request's user may see, as unfold's SIDEBAR setting wants them."""
    return [
        {"title": title, "items": _visible_items(request, models)} for title, models in SECTIONS
    ]


def stylesheet(request: HttpRequest) -> str:
    """Where the few styles of our own are, as unfold's STYLES setting wants it."""
    return static("ecommerce/admin.css")


def script(request: HttpRequest) -> str:
    """Where the script of every page is, as unfold's SCRIPTS setting wants it."""
    return static("ecommerce/admin.js")


def _visible_items(request: HttpRequest, models: list[tuple[str, str]]) -> list[dict[str, Any]]:
    items = []
    for label, icon in models:
        model_admin = admin.site.get_model_admin(apps.get_model(label))
        if not model_admin.has_view_or_change_permission(request):
            continue
        opts = model_admin.opts
        items.append(
            {
                "title": capfirst(opts.verbose_name_plural),
                "icon": icon,
                "link": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
            }
        )
    return items
