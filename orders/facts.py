"""What events say of orders."""

from collections.abc import Iterable, Mapping

from events.services import Facts
from orders.models import Order
from products.models import Product


def facts_of_orders(orders: Iterable[Order], products: Mapping[int, Product]) -> Facts:
    """Of each order what its member sees, who that is, and the SKUs; by locked products' ids."""
    for order in orders:
        yield (
            f"order:{order.pk}",
            {
                "id": order.pk,
                "number": order.number,
                "member": order.user_id,
                "status": order.status,
                "items": [
                    {
                        "product": item.product_id,
                        "sku": products[item.product_id].sku,
                        "product_name": item.product_name,
                        "unit_price": item.unit_price,
                        "quantity": item.quantity,
                        "line_total": item.line_total,
                    }
                    for item in order.line_items
                ],
                "subtotal": order.subtotal,
                "discount": order.discount,
                "total": order.total,
                "coupon": order.coupon_id,
                "created_at": order.created_at,
                "cancelled_at": order.cancelled_at,
            },
        )
