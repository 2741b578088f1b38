"""New products, with their opening stock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ecommerce.seeding.rows import Series, insert_rows
from products.models import OPENING_STOCK, Category, Product, StockAdjustment
from products.search import search_text, search_words


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to be, at `price` won, made at a moment of the past. Its name is its own."""

    name: str
    category_id: int
    price: int
    stock: int
    made: datetime
    description: str = ""
    is_active: bool = True


def insert_products(products: Sequence[NewProduct], series: Series) -> dict[str, int]:
    """Insert products and their opening stock; ids by name. Needs an open transaction."""
    newest = Product.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert_rows(
        Product,
        (
            *("sku", "name", "search_name", "search_words", "description", "category_id"),
            *("price", "stock", "is_active", "created_at"),
        ),
        [
            (
                *(series.next("P"), p.name, search_text(p.name), search_words(p.name)),
                *(p.description, p.category_id, p.price, p.stock, p.is_active, p.made),
            )
            for p in products
        ],
    )
    names = [product.name for product in products]
    added = Product.objects.filter(pk__gt=newest, name__in=names)
    ids = dict(added.values_list("name", "pk"))
    insert_rows(
        StockAdjustment,
        ("product_id", "quantity", "stock_after", "reason", "reference", "created_at"),
        [
            (ids[p.name], p.stock, p.stock, OPENING_STOCK, series.next("STK"), p.made)
            for p in products
            if p.stock
        ],
    )
    return ids


def ensure_categories(names: Mapping[str, str]) -> dict[str, int]:
    """Ids by slug of the shop's categories (the first hundred); `names` by slug if it has none.

    Needs an open transaction.
    """
    if not Category.objects.exists():
        Category.objects.bulk_create(Category(name=name, slug=slug) for slug, name in names.items())
    return dict(Category.objects.order_by("pk").values_list("slug", "pk")[:100])
