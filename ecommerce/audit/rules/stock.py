"""Stock and its history."""

from django.db.models import (
    F,
    OuterRef,
    Sum,
)

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
        "product {pk}: its stock is {stock}; adjustments of {adjusted} less {sold} sold"
        " and not cancelled make {expected}",
        *("pk", "stock", "adjusted", "sold", "expected"),
    )


def _negative_stock() -> Violations:
    return violations(
        Product.objects.filter(stock__lt=0),
        "product {pk}: its stock is negative, {stock}",
        *("pk", "stock"),
    )


STOCK = Invariant(
    "each product's stock is its adjustments less what was sold and not cancelled, never negative",
    Product,
    (_stock_unlike_its_history, _negative_stock),
)
