"""Every write to products and their stock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ecommerce.common.compiled import Compiled
from ecommerce.common.fields import DB_IDS
from ecommerce.common.references import new_reference
from ecommerce.common.rows import save_fields, save_new
from ecommerce.common.sureness import ensure_sure
from ecommerce.common.transactions import run_transaction
from products.errors import (
    OutOfStock,
    PriceHasChanged,
    PriceOfNothing,
    PriceOutOfBounds,
    SkuTaken,
    StockLimitExceeded,
)
from products.models import (
    PRICE_MAX,
    STOCK_MAX,
    Category,
    Product,
    StockAdjustment,
    fold,
    new_sku,
)

FREE = gettext_lazy("At 0 won anybody may have it for nothing.")
OPENING_STOCK = "opening stock"
CHANGEABLE = frozenset({"sku", "name", "description", "category", "price", "is_active"})
IMPORT_BATCH = 500
"""How many rows of a file are written in one transaction, and locked for as long as it takes."""


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
    sure: Collection[str] | None = None,
) -> Product:
    """Create a product at `price` won with `stock` pieces, recorded as its opening stock.

    Without an `sku` it gets one that is unique. With `sure`, a price of 0 is asked about, by an
    error of the field `sure`, unless its code is among these.

    Raises:
        django.core.exceptions.ValidationError: a value is out of its bounds, or it is asked.
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
    if sure is not None:
        ensure_sure(_questions_about(product), sure)
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


def change_product(
    *, product_id: int, sure: Collection[str] | None = None, **changes: Any
) -> Product:
    """Change columns of a product that describe it: `CHANGEABLE`, never its stock.

    With `sure`, a price that becomes 0 is asked about, as by `create_product`.

    Raises:
        django.core.exceptions.ValidationError: a value is out of its bounds, or it is asked.
        SkuTaken: another product has the sku.
        Product.DoesNotExist: there is no such product.
        TypeError: a column that isn't changed this way.
    """
    if foreign := changes.keys() - CHANGEABLE:
        raise TypeError(f"not changed this way: {', '.join(sorted(foreign))}")

    def work(settle: bool) -> Product:
        product = Product.objects.select_for_update().get(pk=product_id)
        old_price = product.price
        for name, value in changes.items():
            setattr(product, name, value)
        product.clean_fields(exclude={"stock", "category"})
        if sure is not None:
            ensure_sure(_questions_about(product, old_price), sure)
        if "sku" in changes:
            others = Product.objects.filter(sku=product.sku).exclude(pk=product_id)
            if others.exists():
                raise SkuTaken
        if changes:
            columns = {*changes, "search_name"} if "name" in changes else set(changes)
            product.save(update_fields=columns)
        return product

    try:
        return run_transaction(work)
    except IntegrityError as error:
        if Product.objects.filter(sku=changes.get("sku")).exists():
            raise SkuTaken from error
        raise


def _questions_about(product: Product, old_price: int | None = None) -> list[ValidationError]:
    return [ValidationError(FREE, "free")] if product.price == 0 != old_price else []


def set_products_active(*, product_ids: Collection[int], is_active: bool) -> list[Product]:
    """Put products on sale, or withdraw them, in one transaction; those that this changed."""

    def work(settle: bool) -> list[Product]:
        products = lock_products(product_ids)
        changed = [one for one in products.values() if one.is_active != is_active]
        for product in changed:
            product.is_active = is_active
        save_fields(changed, ["is_active"])
        return changed

    return run_transaction(work)


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A change of prices by `percent`, rounded half up to a multiple of `round_to` won."""

    percent: Decimal
    round_to: int = 1

    def new_price(self, price: int) -> int:
        """The new price, in won, of what costs `price` won."""
        exact = Decimal(price) * (100 + self.percent) / 100
        units = (exact / self.round_to).to_integral_value(ROUND_HALF_UP)
        return int(units) * self.round_to


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A product by its new price, and what it cost before (won)."""

    product: Product
    old_price: int


def change_prices(*, old_prices: Mapping[int, int], rule: PriceRule) -> list[PriceChange]:
    """Change the prices of products, by their ids, all of them or none; those that this changed.

    `old_prices` are the prices (won) that the change was decided on: sent twice, it acts once, and
    never on a price that nobody has seen.

    Raises:
        PriceHasChanged: a product costs something else by now, or is gone.
        PriceOutOfBounds: a new price would exceed `PRICE_MAX` won.
        PriceOfNothing: a new price would be 0, be it by rounding, where the old one wasn't.
    """
    new_prices = {pk: rule.new_price(price) for pk, price in old_prices.items()}
    too_high = [pk for pk, price in new_prices.items() if price > PRICE_MAX]
    nothing = [pk for pk, price in new_prices.items() if price <= 0 < old_prices[pk]]
    for refusal, refused in ((PriceOutOfBounds, too_high), (PriceOfNothing, nothing)):
        if refused:
            rows = Product.objects.filter(pk__in=refused).order_by("pk")
            raise refusal(_named(refusal.message, rows.values_list("name", flat=True)))

    def work(settle: bool) -> list[PriceChange]:
        products = lock_products(old_prices)
        done = [
            PriceChange(product, old_prices[pk])
            for pk, product in products.items()
            if old_prices[pk] != new_prices[pk]
        ]
        if settle and done and all(one.product.price == new_prices[one.product.pk] for one in done):
            return done
        other = [one.name for pk, one in products.items() if one.price != old_prices[pk]]
        if other or len(products) < len(old_prices):
            raise PriceHasChanged(_named(PriceHasChanged.message, other))
        for one in done:
            one.product.price = new_prices[one.product.pk]
        save_fields([one.product for one in done], ["price"])
        return done

    return run_transaction(work)


def _named(message: Any, names: Iterable[str], most: int = 5) -> str:
    named = [str(name) for name in names]
    if not named:
        return str(message)
    return f"{message} ({', '.join(named[:most])}{' …' if len(named) > most else ''})"


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
    return {product.pk: product for product in _locked_products.objects(*possible)}


_locked_products = Compiled(
    lambda *pks: Product.objects.select_for_update().filter(pk__in=pks).order_by("pk")
)


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


# --- Importing ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportRow:
    """What a line of a file says about a product. None: the line says nothing, nothing changes."""

    number: int
    sku: str
    name: str | None = None
    description: str | None = None
    category: Category | None = None
    price: int | None = None
    is_active: bool | None = None
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


def preview_import(rows: Sequence[ImportRow], *, name: str) -> list[ImportOutcome]:
    """What `import_products` would do at this moment. Writes and locks nothing."""
    outcomes = []
    for batch in _batches(rows):
        found = Product.objects.filter(sku__in=[r.sku for r in batch])
        outcomes += _plan_import(batch, {product.sku: product for product in found}, name)
    return outcomes


def import_products(
    rows: Sequence[ImportRow], *, name: str, staff_id: int | None = None
) -> list[ImportOutcome]:
    """Create and change products by their skus, in batches, each a transaction of its own.

    A row that is refused leaves the others alone. Stock changes by adjustments only: under one
    `name` (a delivery note, say), which their reason bears, each product is adjusted once, however
    often the rows are sent; so an import that was interrupted is simply sent again.

    Returns what became of each row, in their order.
    """
    return [outcome for batch in _batches(rows) for outcome in _import_batch(batch, name, staff_id)]


def _batches(rows: Sequence[ImportRow]) -> Iterable[Sequence[ImportRow]]:
    return (rows[start : start + IMPORT_BATCH] for start in range(0, len(rows), IMPORT_BATCH))


def _import_batch(
    rows: Sequence[ImportRow], name: str, staff_id: int | None
) -> list[ImportOutcome]:
    skus = [row.sku for row in rows]
    attempted: list[ImportOutcome] = []

    def work(settle: bool) -> list[ImportOutcome]:
        nonlocal attempted
        # Locked by id, as everywhere; by sku the locks would be taken in another order.
        ids = list(Product.objects.filter(sku__in=skus).values_list("pk", flat=True))
        locked = {product.sku: product for product in lock_products(ids).values()}
        outcomes = _plan_import(rows, locked, name)
        if settle and attempted and not any(one.writes for one in outcomes):
            return attempted  # the attempt whose answer was lost has done all there is to do
        attempted = outcomes
        _write_import([one for one in outcomes if one.writes], name, staff_id)
        return outcomes

    try:
        return run_transaction(work)
    except IntegrityError:
        # A product with one of these skus was made since we looked; now it is found.
        return run_transaction(work)


def _plan_import(
    rows: Sequence[ImportRow], products: Mapping[str, Product], name: str
) -> list[ImportOutcome]:
    ids = [products[row.sku].pk for row in rows if row.stock_adjustment and row.sku in products]
    references = [_import_reference(name, pk) for pk in ids]
    done = StockAdjustment.objects.filter(reference__in=references) if references else ()
    adjusted = {adjustment.product_id: adjustment for adjustment in done}
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
    return outcomes


def _import_reference(name: str, product_id: int) -> str:
    """The one reference of an import's adjustment of a product: the database keeps it unique."""
    return "IMP-" + sha256(f"{product_id}:{name}".encode()).hexdigest()[:36]


def _plan_new(row: ImportRow) -> ImportOutcome:
    product = Product(
        sku=row.sku,
        name=row.name or "",
        description=row.description or "",
        category=row.category,
        price=row.price,  # type: ignore[misc] # None is an error of the row
        is_active=True if row.is_active is None else row.is_active,
        stock=row.stock or 0,
    )
    outcome = ImportOutcome(row, product, is_new=True, stock_after=product.stock)
    outcome.errors = _errors_of(product, None)
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
    for column in ("name", "description", "category", "price", "is_active"):
        old, new = getattr(product, column), getattr(row, column)
        if new is not None and new != old:
            outcome.changes[column] = (old, new)
            setattr(product, column, new)
    outcome.errors = _errors_of(product, old_price)
    if row.stock_adjustment:
        _plan_adjustment(outcome, row.stock_adjustment, adjusted)
    return outcome


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


def _errors_of(product: Product, old_price: int | None) -> dict[str, str]:
    try:
        product.clean_fields(exclude={"id", "category", "search_name"})
    except ValidationError as error:
        return {name: " ".join(texts) for name, texts in error.message_dict.items()}
    if _questions_about(product, old_price):
        own_page = _("If that is meant, set it on the product's own page.")
        return {"price": f"{FREE} {own_page}"}
    return {}


def _write_import(outcomes: Sequence[ImportOutcome], name: str, staff_id: int | None) -> None:
    new = sorted((one for one in outcomes if one.is_new), key=lambda one: one.row.sku)
    changed = sorted((one for one in outcomes if not one.is_new), key=lambda one: one.product.pk)
    columns = {column for one in changed for column in one.changes}
    for one in changed:
        one.product.stock = one.stock_after
        one.product.search_name = fold(one.product.name)
    if "name" in columns:
        columns.add("search_name")
    if any(one.adjustment for one in changed):
        columns.add("stock")
    save_fields([one.product for one in changed], sorted(columns))
    save_new([one.product for one in new])
    reason = f"import: {name}"
    adjustments = [(one, _import_reference(name, one.product.pk)) for one in changed]
    openings = [(one, new_reference("STK")) for one in new]
    save_new(
        [
            StockAdjustment(
                product=one.product,
                quantity=quantity,
                stock_after=one.product.stock,
                reason=reason,
                created_by_id=staff_id,
                reference=reference,
            )
            for one, reference in [*adjustments, *openings]
            if (quantity := one.product.stock if one.is_new else one.adjustment)
        ]
    )
