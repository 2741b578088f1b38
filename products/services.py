"""Every write to products and their stock."""

from collections.abc import Collection

from django.db import IntegrityError

from ecommerce.common.fields import DB_IDS
from ecommerce.common.references import new_reference
from ecommerce.common.rows import save_fields
from ecommerce.common.transactions import run_transaction
from products.errors import OutOfStock, SkuTaken, StockLimitExceeded
from products.models import STOCK_MAX, Category, Product, StockAdjustment, new_sku

OPENING_STOCK = "opening stock"


def create_product(
    *,
    name: str,
    price: int,
    stock: int = 0,
    description: str = "",
    category: Category | None = None,
    is_active: bool = True,
    sku: str | None = None,
    staff_id: int | None = None,
) -> Product:
    """Create a product at `price` won with `stock` pieces, recorded as its opening stock.

    Without an `sku` it gets one that is unique.

    Raises:
        django.core.exceptions.ValidationError: a value is out of its bounds.
        SkuTaken: another product has the sku, be it since a moment ago.
    """
    product = Product(
        sku=sku or new_sku(),
        name=name,
        price=price,
        stock=stock,
        description=description,
        category=category,
        is_active=is_active,
    )
    product.clean_fields()
    reference = new_reference("STK")

    def work(settle: bool) -> Product:
        mine = Product.objects.filter(sku=product.sku).first() if settle or sku else None
        if mine and settle and mine.created_at == product.created_at:
            return mine
        if mine:
            raise SkuTaken
        product.pk = None
        product.save(force_insert=True)
        if stock:
            _record_adjustment(product, stock, OPENING_STOCK, staff_id, reference)
        return product

    try:
        return run_transaction(work)
    except IntegrityError as error:
        if Product.objects.filter(sku=product.sku).exists():
            raise SkuTaken from error
        raise


def adjust_stock(
    *, product_id: int, quantity: int, reason: str, staff_id: int | None = None
) -> StockAdjustment:
    """Change a product's stock by `quantity` pieces, positive or negative, for a stated reason.

    Raises:
        ValueError: the quantity is 0, or the reason blank or longer than 200 characters.
        OutOfStock, StockLimitExceeded: the stock would leave its bounds.
        Product.DoesNotExist: there is no such product.
    """
    if quantity == 0 or not 0 < len(reason.strip()) <= 200:
        raise ValueError("an adjustment needs a quantity, and a reason of at most 200 characters")
    reference = new_reference("STK")

    def work(settle: bool) -> StockAdjustment:
        product = Product.objects.select_for_update().get(pk=product_id)
        if settle and (mine := StockAdjustment.objects.filter(reference=reference).first()):
            return mine
        if product.stock + quantity < 0:
            raise OutOfStock
        if product.stock + quantity > STOCK_MAX:
            raise StockLimitExceeded
        product.stock += quantity
        product.save(update_fields=["stock"])
        return _record_adjustment(product, quantity, reason.strip(), staff_id, reference)

    return run_transaction(work)


def _record_adjustment(
    product: Product, quantity: int, reason: str, staff_id: int | None, reference: str
) -> StockAdjustment:
    return StockAdjustment.objects.create(
        product=product,
        quantity=quantity,
        stock_after=product.stock,
        reason=reason,
        created_by_id=staff_id,
        reference=reference,
    )


def lock_products(product_ids: Collection[int]) -> dict[int, Product]:
    """Lock the products that exist, lowest id first. Needs an open transaction."""
    possible = {pk for pk in product_ids if pk in DB_IDS}
    if not possible:
        return {}
    locked = Product.objects.select_for_update().filter(pk__in=possible).order_by("pk")
    return {product.pk: product for product in locked}


def take_stock(product: Product, quantity: int) -> None:
    """Take pieces from a locked product, in memory; `save_stock` writes it.

    Raises:
        OutOfStock: fewer are left.
    """
    if product.stock < quantity:
        raise OutOfStock
    product.stock -= quantity


def return_stock(product: Product, quantity: int) -> None:
    """Give pieces back to a locked product, in memory; `save_stock` writes it."""
    product.stock += quantity


def save_stock(products: Collection[Product]) -> None:
    """Write the stock of locked products, in one statement. Needs an open transaction."""
    save_fields(products, ["stock"])
