"""Products from files: looked at first, then written in batches."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID
from zlib import compress, decompress

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from common.db.rows import save_fields, save_new
from common.db.transactions import run_transaction
from common.files.cells import as_seen
from common.references import new_reference, undoing
from common.texts import validate_is_plain
from events.models import Kind
from events.services import record
from products.errors import StockLimitExceeded
from products.facts import facts_of_low_stock
from products.models import (
    DESCRIPTIVE,
    IMPORTED,
    NAME_COLUMNS,
    STOCK_MAX,
    Category,
    Change,
    ImportedBatch,
    ImportFile,
    Product,
    StockAdjustment,
)
from products.services.catalogue import FREE, questions_about, validate_description
from products.services.stock import lock_products

IMPORT_BATCH = 500
"""How many rows of a file are written in one transaction, and locked for as long as it takes."""
FILE_KEPT = timedelta(days=1)
"""How long a file waits to be confirmed."""


Seen = dict[str, dict[str, str]]
"""By sku and column, a digest of the value that a preview showed."""


# --- The file between the look and the writing ----------------------------------------------------


def keep_file(*, content: bytes, name: str, seen: Seen, staff_id: int) -> ImportFile:
    """Keep a file that was looked at, and what was `seen`, until the import `name` is confirmed.

    In the database, so that any of several servers can do the import. Files of old that nobody
    confirmed are removed; of the others it is kept what they did.
    """
    # Packed: a database may take no statement that is longer than its packets.
    file = ImportFile(content=compress(content, 1), name=name, seen=seen, created_by_id=staff_id)

    def work() -> ImportFile:
        old = ImportFile.objects.filter(created_at__lt=file.created_at - FILE_KEPT)
        old.filter(taken_at=None).only("pk").delete()
        old.exclude(content=b"").update(content=b"")  # of imports that died
        file.save(force_insert=True)
        return file

    return run_transaction(work, find_again=ImportFile.objects.filter(pk=file.pk).first)


def find_file(*, key: UUID, staff_id: int) -> ImportFile | None:
    """The file that one of the staff confirms. None: there is none, or no longer."""
    return ImportFile.objects.filter(pk=key, created_by_id=staff_id).first()


def take_file(file: ImportFile) -> bool:
    """Whether the file is this one's to import: of all who take it, it is the first's."""
    moment = timezone.now()

    def work() -> bool:
        ImportFile.objects.filter(pk=file.pk, taken_at=None).update(taken_at=moment)
        return ImportFile.objects.filter(pk=file.pk, taken_at=moment).exists()

    return run_transaction(work)


def content_of(file: ImportFile) -> bytes:
    """The file as it was sent."""
    return decompress(file.content)


def finish_file(file: ImportFile, *, outcome: str) -> None:
    """Note what became of an import, as a `Told` is stored, and drop its content."""

    def work() -> None:
        ImportFile.objects.filter(pk=file.pk).update(outcome=outcome, content=b"")

    run_transaction(work)


# --- What a file does -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportRow:
    """What a line of a file says about a product. Of what it says nothing, nothing changes."""

    number: int
    sku: str
    said: Mapping[str, Any] = field(default_factory=dict)
    """Values by columns, which are of `DESCRIPTIVE`."""
    stock: int | None = None
    """A new product's opening stock; of a product that is there, it changes nothing."""
    stock_adjustment: int | None = None


@dataclass(slots=True)
class ImportOutcome:
    """What becomes of a line: a new product, changes of one that is there, nothing, or errors."""

    row: ImportRow
    product: Product
    is_new: bool
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Old and new value of each column that changes."""
    adjustment: int = 0
    stock_after: int = 0
    adjusted_before: StockAdjustment | None = None
    """What the same import has adjusted already; it isn't done again."""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return not self.errors and bool(self.is_new or self.changes or self.adjustment)


def seen_in(outcomes: Iterable[ImportOutcome]) -> Seen:
    """What a preview showed, for `import_products` to hold the shop against."""
    return {
        outcome.row.sku: {column: _digest(old) for column, (old, _new) in outcome.changes.items()}
        for outcome in outcomes
        if outcome.changes
    }


def preview_import(rows: Sequence[ImportRow], *, name: str) -> list[ImportOutcome]:
    """What `import_products` would do at this moment. Writes and locks nothing."""
    outcomes = []
    for batch in _batches(rows):
        found = Product.objects.filter(sku__in=[r.sku for r in batch])
        outcomes += _plan_import(batch, {product.sku: product for product in found}, name)
    return outcomes


def import_products(
    rows: Sequence[ImportRow],
    *,
    name: str,
    staff_id: int | None = None,
    seen: Seen | None = None,
    file_id: UUID | None = None,
) -> list[ImportOutcome]:
    """Create and change products by their skus, in batches, each a transaction of its own.

    A row that is refused leaves the others alone, as one is that would change what a colleague has
    changed since it was `seen`. Stock changes by adjustments only: under one
    `name` (a delivery note, say), which their reason bears, each product is adjusted once, however
    often the rows are sent; so an import that was interrupted is simply sent again. With `file_id`,
    what is changed is kept as what this file did, and can be undone.

    Returns what became of each row, in their order.
    """
    return [
        outcome
        for batch in _batches(rows)
        for outcome in _import_batch(batch, name, staff_id, seen, file_id)
    ]


def _batches(rows: Sequence[ImportRow]) -> Iterable[Sequence[ImportRow]]:
    return (rows[start : start + IMPORT_BATCH] for start in range(0, len(rows), IMPORT_BATCH))


def _import_batch(
    rows: Sequence[ImportRow],
    name: str,
    staff_id: int | None,
    seen: Seen | None,
    file_id: UUID | None,
) -> list[ImportOutcome]:
    skus = [row.sku for row in rows]
    attempted: list[ImportOutcome] = []

    def plan() -> list[ImportOutcome]:
        # Locked by id, as everywhere; by sku the locks would be taken in another order.
        ids = list(Product.objects.filter(sku__in=skus).values_list("pk", flat=True))
        locked = {product.sku: product for product in lock_products(ids, whole=True).values()}
        outcomes = _plan_import(rows, locked, name)
        if seen is not None:
            _refuse_unseen(outcomes, seen)
        return outcomes

    def find_again() -> list[ImportOutcome] | None:
        """What was attempted, if there is nothing left to do of it."""
        return None if any(outcome.writes for outcome in plan()) else attempted

    def work() -> list[ImportOutcome]:
        nonlocal attempted
        attempted = plan()
        written = [outcome for outcome in attempted if outcome.writes]
        changes = _write_import(written, name, staff_id)
        if file_id is not None and changes:
            ImportedBatch.objects.create(file_id=file_id, kept_changes=changes)
        return attempted

    try:
        return run_transaction(work, find_again=find_again)
    except IntegrityError:
        # A product with one of these skus was made since we looked; now it is found.
        return run_transaction(work, find_again=find_again)


def _plan_import(
    rows: Sequence[ImportRow], products: Mapping[str, Product], name: str
) -> list[ImportOutcome]:
    ids = [products[row.sku].pk for row in rows if row.stock_adjustment and row.sku in products]
    spellings = {name, _read_alike(name)}  # before names were read alike, one was kept as typed
    references = [_import_reference(spelling, pk) for pk in ids for spelling in spellings]
    references += [undoing(reference) for reference in references]
    done = StockAdjustment.objects.filter(reference__in=references) if references else ()
    adjusted = {adjustment.product_id: adjustment for adjustment in done if adjustment.is_undoable}
    undone = {adjustment.product_id for adjustment in done if not adjustment.is_undoable}
    category_ids = {product.category_id for product in products.values() if product.category_id}
    categories = Category.objects.in_bulk(category_ids) if category_ids else {}
    outcomes = []
    for row in rows:
        product = products.get(row.sku)
        if product and product.category_id:
            product.category = categories[product.category_id]
        if product is None:
            outcomes.append(_plan_new(row))
        else:
            outcomes.append(_plan_change(row, product, adjusted.get(product.pk)))
            if product.pk in undone:
                outcomes[-1].errors["stock_adjustment"] = _(
                    "What an import of this name did to this product's stock was undone."
                    " Give the next one another name."
                )
    return outcomes


def _read_alike(name: str) -> str:
    """An import's name, whatever its case, width and blanks: a delivery note is typed by many."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _import_reference(name: str, product_id: int) -> str:
    """The one reference of an import's adjustment of a product: the database keeps it unique."""
    return "IMP-" + sha256(f"{product_id}:{name}".encode()).hexdigest()[:36]


def _plan_new(row: ImportRow) -> ImportOutcome:
    product = Product(sku=row.sku, stock=row.stock or 0, **row.said)
    outcome = ImportOutcome(row, product, is_new=True, stock_after=product.stock)
    missing = [name for name in ("name", "price") if name not in row.said]
    why = _(
        "There is no product with this SKU, and a new one needs this. Enter it, or mend the SKU."
    )
    outcome.errors = dict.fromkeys(missing, why)
    outcome.errors |= _errors_of(product, {*DESCRIPTIVE, "stock"}.difference(missing), None)
    if row.stock_adjustment:
        outcome.errors["stock_adjustment"] = _(
            "There is no product with this SKU yet: its opening stock belongs in the column stock."
        )
    return outcome


def _plan_change(
    row: ImportRow, product: Product, adjusted: StockAdjustment | None
) -> ImportOutcome:
    outcome = ImportOutcome(row, product, is_new=False, stock_after=product.stock)
    old_price = product.price
    for column, new in row.said.items():
        old = getattr(product, column)
        if _as_seen(new) != _as_seen(old):
            outcome.changes[column] = (old, new)
            setattr(product, column, new)
    outcome.errors = _errors_of(product, outcome.changes, old_price)
    if row.stock_adjustment:
        _plan_adjustment(outcome, row.stock_adjustment, adjusted)
    return outcome


def _refuse_unseen(outcomes: Iterable[ImportOutcome], seen: Seen) -> None:
    for outcome in outcomes:
        shown = seen.get(outcome.row.sku, {})
        for column, (old, new) in outcome.changes.items():
            if shown.get(column) != _digest(old):
                outcome.errors.setdefault(
                    column,
                    _(
                        "%(column)s has changed since the preview, to %(now)s; the file says"
                        " %(new)s. Send the file again."
                    )
                    % {"column": column, "now": str(old)[:100], "new": str(new)[:100]},
                )


def _digest(value: Any) -> str:
    return sha256(repr(_as_seen(value)).encode()).hexdigest()[:16]


def _plan_adjustment(
    outcome: ImportOutcome, quantity: int, adjusted: StockAdjustment | None
) -> None:
    stock_after = outcome.product.stock + quantity
    if adjusted is not None and adjusted.quantity != quantity:
        outcome.errors["stock_adjustment"] = _(
            "An import of this name has adjusted this product by %(quantity)s already."
            " Give another delivery another name."
        ) % {"quantity": f"{adjusted.quantity:+,}"}
    elif adjusted is not None:
        outcome.adjusted_before = adjusted
    elif stock_after < 0:
        outcome.errors["stock_adjustment"] = _("Only %(stock)s are in stock.") % {
            "stock": f"{outcome.product.stock:,}"
        }
    elif stock_after > STOCK_MAX:
        outcome.errors["stock_adjustment"] = str(StockLimitExceeded.message)
    else:
        outcome.adjustment, outcome.stock_after = quantity, stock_after


def _as_seen(value: Any) -> Any:
    """A value as a file can tell it: blanks around a text are no change of it."""
    if isinstance(value, Category):
        value = value.name
    return as_seen(value) if isinstance(value, str) else value


def _errors_of(product: Product, columns: Collection[str], old_price: int | None) -> dict[str, str]:
    """What is wrong with these columns. What stands in the others was taken before."""
    errors = {}
    try:
        product.clean_fields(
            exclude={field.name for field in Product._meta.fields} - {*columns} | {"category"}
        )
    except ValidationError as error:
        errors = {name: " ".join(texts) for name, texts in error.message_dict.items()}
    for name in columns:
        try:
            if isinstance(text := getattr(product, name), str):
                validate_is_plain(text, has_lines=name == "description")
            if name == "description":
                validate_description(product.description)
        except ValidationError as error:
            errors.setdefault(name, error.messages[0])
    if not errors and questions_about(product, old_price):
        own_page = _("If that is meant, set it on the product's own page.")
        errors["price"] = f"{FREE} {own_page}"
    return errors


def _write_import(
    outcomes: Sequence[ImportOutcome], name: str, staff_id: int | None
) -> list[Change]:
    """Write what was planned, and tell what changed."""
    new = sorted(
        (outcome for outcome in outcomes if outcome.is_new), key=lambda outcome: outcome.row.sku
    )
    changed = sorted(
        (outcome for outcome in outcomes if not outcome.is_new),
        key=lambda outcome: outcome.product.pk,
    )
    columns = {column for outcome in changed for column in outcome.changes}
    for outcome in changed:
        outcome.product.stock = outcome.stock_after
    if "name" in columns:
        columns |= NAME_COLUMNS
    if any(outcome.adjustment for outcome in changed):
        columns.add("stock")
    save_fields([outcome.product for outcome in changed], sorted(columns))
    save_new([outcome.product for outcome in new])
    reason = f"{IMPORTED}{name}"
    adjustments = [
        (outcome, _import_reference(_read_alike(name), outcome.product.pk)) for outcome in changed
    ]
    openings = [(outcome, new_reference("STK")) for outcome in new]
    save_new(
        [
            StockAdjustment(
                product=outcome.product,
                quantity=quantity,
                stock_after=outcome.product.stock,
                reason=reason,
                created_by_id=staff_id,
                reference=reference,
            )
            for outcome, reference in [*adjustments, *openings]
            if (quantity := outcome.product.stock if outcome.is_new else outcome.adjustment)
        ]
    )
    fallen = ((one.product, one.stock_after - (one.adjustment or 0)) for one in changed)
    record({Kind.PRODUCT_LOW_STOCK: facts_of_low_stock(fallen)})
    return [
        change
        for outcome, reference in [*adjustments, *openings]
        for change in _changes_of(outcome, reference)
    ]


def _changes_of(outcome: ImportOutcome, reference: str) -> Iterable[Change]:
    product = outcome.product
    changes = dict(outcome.changes)
    if outcome.is_new:
        changes["is_active"] = (None, product.is_active)
    for column, (before, after) in changes.items():
        yield Change(product.pk, column, _kept_value(before), _kept_value(after))
    if quantity := product.stock if outcome.is_new else outcome.adjustment:
        yield Change(product.pk, "stock", None, quantity, reference)


def _kept_value(value: Any) -> Any:
    """A column's value as a `Change` keeps it."""
    return value.pk if isinstance(value, Category) else value
