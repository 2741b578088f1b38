"""What events say of products."""

from collections.abc import Iterable

from django.conf import settings

from events.services import Facts
from products.models import Product


def facts_of_low_stock(products: Iterable[tuple[Product, int]]) -> Facts:
    """Of the products, each with its stock before (pieces), those on sale that ran low by now."""
    low: int = settings.LOW_STOCK
    for product, before in products:
        if product.is_active and product.stock <= low < before:
            yield (
                f"product:{product.pk}",
                {
                    "product": product.pk,
                    "sku": product.sku,
                    "name": product.name,
                    "stock": product.stock,
                    "low_stock": low,
                },
            )
