"""Every write to stock."""

from collections.abc import Collection

from common.db.fields import DB_IDS
from common.db.locks import RowLock, Waiting
from common.db.rows import save_fields
from common.db.transactions import run_transaction
from common.errors import NotUndoable, UndoneAlready
from common.references import UNDOING, new_reference, undoing
from events.models import Kind
from events.services import record
from products.errors import OutOfStock, StockLimitExceeded
from products.facts import facts_of_low_stock
from products.models import STOCK_MAX, Product, StockAdjustment

PRODUCTS: RowLock[Product] = RowLock(
    lambda: Product.objects.only("sku", "name", "price", "stock", "is_active"), is_hot=True
)
"""Products by their ids, with what orders need of them: others wait while they are read."""
_WHOLE: RowLock[Product] = RowLock(Product.objects.all, is_hot=True)


def lock_products(
    product_ids: Collection[int], waiting: Waiting = Waiting.LONG, *, whole: bool = False
) -> dict[int, Product]:
    """Lock the products that exist, lowest id first. Needs an open transaction.

    With what orders need of them, or `whole`: any other column is else read row by row. With
    `Waiting.NONE`, those that others hold are left out; `PRODUCTS.held` tells them.
    """
    rows = _WHOLE if whole else PRODUCTS
    return rows.objects([pk for pk in product_ids if pk in DB_IDS], waiting)


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


def adjust_stock(
    *, product_id: int, quantity: int, reason: str, staff_id: int | None = None
) -> StockAdjustment:
    """Change a product's stock by `quantity` pieces, positive or negative, for a stated reason.

    Raises:
        ValueError: the quantity is 0, or the reason blank or longer than 200 characters.
        OutOfStock, StockLimitExceeded: the stock would leave its bounds.
        Product.DoesNotExist: there is no such product.
    """
    return _adjust(product_id, quantity, reason, staff_id, new_reference("STK"))


def undo_stock_adjustment(
    *, adjustment_id: int, reason: str, staff_id: int | None = None
) -> StockAdjustment:
    """Take an adjustment back by its opposite, once, for a stated reason.

    Raises:
        ValueError: the reason is blank or longer than 200 characters.
        NotUndoable: it undoes another.
        UndoneAlready: it was undone.
        OutOfStock, StockLimitExceeded: the stock would leave its bounds.
        StockAdjustment.DoesNotExist: there is no such adjustment.
    """
    made = StockAdjustment.objects.get(pk=adjustment_id)
    if not made.is_undoable:
        raise NotUndoable
    return _adjust(made.product_id, -made.quantity, reason, staff_id, undoing(made.reference))


def _adjust(
    product_id: int, quantity: int, reason: str, staff_id: int | None, reference: str
) -> StockAdjustment:
    if quantity == 0 or not 0 < len(reason.strip()) <= 200:
        raise ValueError("an adjustment needs a quantity, and a reason of at most 200 characters")
    locked = Product.objects.select_for_update().filter(pk=product_id)
    same = StockAdjustment.objects.filter(reference=reference)

    def work() -> StockAdjustment:
        product = locked.get()
        if reference.startswith(UNDOING) and same.exists():
            raise UndoneAlready
        if product.stock + quantity < 0:
            raise OutOfStock
        if product.stock + quantity > STOCK_MAX:
            raise StockLimitExceeded
        product.stock += quantity
        product.save(update_fields=["stock"])
        adjustment = record_adjustment(product, quantity, reason.strip(), staff_id, reference)
        before = product.stock - quantity
        record({Kind.PRODUCT_LOW_STOCK: facts_of_low_stock([(product, before)])})
        return adjustment

    def find_again() -> StockAdjustment | None:
        locked.get()
        return same.first()

    return run_transaction(work, find_again=find_again)


def record_adjustment(
    product: Product, quantity: int, reason: str, staff_id: int | None, reference: str
) -> StockAdjustment:
    """Note in the product's history why its stock changed. Needs an open transaction."""
    return StockAdjustment.objects.create(
        product=product,
        quantity=quantity,
        stock_after=product.stock,
        reason=reason,
        created_by_id=staff_id,
        reference=reference,
    )
