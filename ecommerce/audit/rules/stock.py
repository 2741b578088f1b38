"""Stock and its history."""

from django.db.models import F, OuterRef, Sum
from django.utils.translation import gettext_noop as _noop

from ecommerce.audit.parts import Invariant, Violations, aggregate_of, differ, violations
from orders.models import Order, OrderItem
from products.models import Product, StockAdjustment


def _stock_unlike_its_history() -> Violations:
    adjustments = StockAdjustment.objects.filter(product=OuterRef("pk"))
    lines = OrderItem.objects.filter(product=OuterRef("pk"), order__status=Order.Status.PAID)
    return violations(
        Product.objects.annotate(
            adjusted=aggregate_of(adjustments, "product", Sum("quantity")),
            sold=aggregate_of(lines, "product", Sum("quantity")),
            expected=F("adjusted") - F("sold"),
        ).filter(differ("expected", "stock")),
        _noop(
            "product %(pk)s: its stock is %(stock)s; adjustments of %(adjusted)s less %(sold)s sold"
            " and not cancelled make %(expected)s"
        ),
        *("pk", "stock", "adjusted", "sold", "expected"),
    )


def _negative_stock() -> Violations:
    return violations(
        Product.objects.filter(stock__lt=0),
        _noop("product %(pk)s: its stock is negative, %(stock)s"),
        *("pk", "stock"),
    )


STOCK = Invariant(
    "each product's stock is its adjustments less what was sold and not cancelled, never negative",
    Product,
    (_stock_unlike_its_history, _negative_stock),
)
