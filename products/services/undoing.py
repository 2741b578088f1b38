"""Taking an import back: what it did to each product, as far as nobody has changed it since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.db.rows import save_fields, save_new
from common.db.transactions import run_transaction
from common.errors import NotUndoable, UndoneAlready
from common.references import undoing
from events.models import Kind
from events.services import record
from products.errors import StockLimitExceeded
from products.facts import facts_of_low_stock
from products.models import (
    NAME_COLUMNS,
    STOCK_MAX,
    Category,
    Change,
    ImportedBatch,
    Product,
    StockAdjustment,
)
from products.services.stock import lock_products

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(slots=True)
class Undoing:
    """A column of a product that an import changed, what it is by now, and what undoing does."""

    change: Change
    product: Product
    now: Any
    """The column's value; of stock, the pieces."""
    is_undone: bool = False
    """Also by hand: the column is as it was, or the adjustment was undone by itself."""
    refused: "StrOrPromise" = ""
    """Why it stays as it is."""

    @property
    def quantity(self) -> int:
        """By how many pieces undoing it adjusts the stock."""
        change = self.change
        return -change.after if change.column == "stock" and not self.is_undone else 0

    @property
    def writes(self) -> bool:
        """Whether there is anything to write to the product."""
        return not (self.is_undone or self.refused)


def preview_undo(file_id: UUID) -> list[Undoing]:
    """What undoing would do at this moment, and what is undone. Writes and locks nothing."""
    batches = ImportedBatch.objects.filter(file=file_id).order_by("pk")
    changes = [change for batch in batches for change in batch.changes]
    return _plan(changes, Product.objects.in_bulk({change.product_id for change in changes}))


def batches_to_undo(file_id: UUID) -> list[int]:
    """The ids of what is left to undo of an import, each for `undo_batch`.

    Raises:
        NotUndoable: nothing is known to be changed by it.
        UndoneAlready: all of it is undone.
    """
    batches = ImportedBatch.objects.filter(file=file_id)
    left = batches.filter(is_undone=False).order_by("pk").values_list("pk", flat=True)
    if not left:
        raise UndoneAlready if batches.exists() else NotUndoable
    return list(left)


def undo_batch(*, batch_id: int, reason: str, staff_id: int | None = None) -> list[Undoing]:
    """Put back what an import changed in one transaction, each thing once; what was left of it.

    Prices, names and the like become what they were, and stock is adjusted by the opposite. What
    the import added is taken off sale; it stays in the books. What somebody has changed since stays
    as it is, and so does stock that is sold by now: those are `refused`, each by itself, and can
    be undone later.

    Raises:
        ValueError: the reason is blank or longer than 200 characters.
    """
    if not 0 < len(reason.strip()) <= 200:
        raise ValueError("undoing needs a reason of at most 200 characters")
    locked = ImportedBatch.objects.select_for_update().filter(pk=batch_id)
    moment = timezone.now().isoformat()
    attempted: list[Undoing] = []

    def work() -> list[Undoing]:
        nonlocal attempted
        batch = locked.get()
        left = [change for change in batch.changes if change.undone_at is None]
        products = lock_products({change.product_id for change in left}, whole=True)
        attempted = _plan(left, products)
        _write([one for one in attempted if one.writes], reason.strip(), staff_id)
        refused = {one.change for one in attempted if one.refused}
        batch.kept_changes = [
            one if one.undone_at or one in refused else one._replace(undone_at=moment)
            for one in batch.changes
        ]
        batch.is_undone = not refused
        batch.save(update_fields=["kept_changes", "is_undone"])
        return attempted

    def find_again() -> list[Undoing] | None:
        is_done = any(change.undone_at == moment for change in locked.get().changes)
        return attempted if is_done else None

    return run_transaction(work, find_again=find_again)


def _plan(changes: Sequence[Change], products: Mapping[int, Product]) -> list[Undoing]:
    opposites = [undoing(change.reference) for change in changes if change.reference]
    undone = set(
        StockAdjustment.objects.filter(reference__in=opposites).values_list("reference", flat=True)
        if opposites
        else ()
    )
    wanted = {change.before for change in changes if change.column == "category"}
    categories = Category.objects.in_bulk(wanted - {None}).keys() | {None} if wanted else set()
    plans = []
    for change in changes:
        product = products[change.product_id]
        if change.column == "stock":
            plans.append(_plan_stock(change, product, undone))
        else:
            plans.append(_plan_column(change, product, categories))
    return plans


def _plan_stock(change: Change, product: Product, undone: set[str]) -> Undoing:
    plan = Undoing(change, product, product.stock)
    plan.is_undone = change.undone_at is not None or undoing(change.reference) in undone
    stock_after = product.stock + plan.quantity
    if stock_after < 0:
        plan.refused = _("Fewer are left than it added: the others were sold or taken out since.")
    elif stock_after > STOCK_MAX:
        plan.refused = StockLimitExceeded.message
    return plan


def _plan_column(change: Change, product: Product, categories: Iterable[int | None]) -> Undoing:
    column, old = change.column, change.value_to_undo_to
    now = getattr(product, f"{column}_id" if column == "category" else column)
    plan = Undoing(change, product, now)
    plan.is_undone = change.undone_at is not None or now == old
    if plan.is_undone:
        return plan
    if now != change.after:
        plan.refused = pgettext_lazy("undoing", "Changed since, and left as it is.")
    elif column == "category" and old not in categories:
        plan.refused = _("The category from before is gone.")
    return plan


def _write(plans: Sequence[Undoing], reason: str, staff_id: int | None) -> None:
    before = {plan.product.pk: (plan.product, plan.product.stock) for plan in plans}
    columns = {plan.change.column for plan in plans}
    adjustments = []
    for plan in plans:
        product, change = plan.product, plan.change
        if change.column == "stock":
            product.stock += plan.quantity
            adjustments.append(
                StockAdjustment(
                    product=product,
                    quantity=plan.quantity,
                    stock_after=product.stock,
                    reason=reason,
                    created_by_id=staff_id,
                    reference=undoing(change.reference),
                )
            )
        elif change.column == "category":
            product.category_id = change.before
        else:
            setattr(product, change.column, change.value_to_undo_to)
    if "name" in columns:
        columns |= NAME_COLUMNS
    save_fields([product for product, _stock in before.values()], sorted(columns))
    save_new(adjustments)
    record({Kind.PRODUCT_LOW_STOCK: facts_of_low_stock(before.values())})
