"""Every write to what describes a product, its price included."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError
from django.utils.translation import gettext_lazy

from common.db.rows import save_fields
from common.db.transactions import run_transaction
from common.references import new_reference
from common.sureness import ensure_sure
from products.errors import (
    CategoryHasChanged,
    PriceHasChanged,
    PriceOfNothing,
    PriceOutOfBounds,
    SkuTaken,
)
from products.models import (
    DESCRIPTION_MAX_LENGTH,
    DESCRIPTIVE,
    OPENING_STOCK,
    PRICE_MAX,
    Category,
    Product,
    new_sku,
    validate_width,
)
from products.services.stock import lock_products, record_adjustment

validate_description = MaxLengthValidator(DESCRIPTION_MAX_LENGTH)
FREE = gettext_lazy("At 0 won anybody may have it for nothing.")


def create_product(
    *,
    name: str,
    price: int,
    stock: int = 0,
    sku: str | None = None,
    staff_id: int | None = None,
    sure: Collection[str] | None = None,
    **others: Any,
) -> Product:
    """Create a product at `price` won with `stock` pieces, recorded as its opening stock.

    The `others` are more of `DESCRIPTIVE`. Without an `sku` it gets one that is unique. With
    `sure`, a price of 0 is asked about, by an error of the field `sure`, unless its code is among
    these.

    Raises:
        django.core.exceptions.ValidationError: a value is out of its bounds, or it is asked.
        SkuTaken: another product has the sku, be it since a moment ago.
        TypeError: a column that describes no product.
    """
    _ensure_descriptive({"sku": sku, **others})
    product = Product(sku=sku or new_sku(), name=name, price=price, stock=stock, **others)
    product.clean_fields()
    if sure is not None:
        ensure_sure(questions_about(product), sure)
    reference = new_reference("STK")

    same = Product.objects.filter(sku=product.sku)

    def work() -> Product:
        if sku and same.exists():
            raise SkuTaken(attr="sku")
        product.pk = None
        product.save(force_insert=True)
        if stock:
            record_adjustment(product, stock, OPENING_STOCK, staff_id, reference)
        return product

    try:
        mine = same.filter(created_at=product.created_at)
        return run_transaction(work, find_again=mine.first)
    except IntegrityError as error:
        if same.exists():
            raise SkuTaken(attr="sku") from error
        raise


def change_product(
    *, product_id: int, sure: Collection[str] | None = None, **changes: Any
) -> Product:
    """Change columns of a product that describe it: `DESCRIPTIVE`, never its stock.

    With `sure`, a price that becomes 0 is asked about, as by `create_product`.

    Raises:
        django.core.exceptions.ValidationError: a value is out of its bounds, or it is asked.
        SkuTaken: another product has the sku.
        Product.DoesNotExist: there is no such product.
        TypeError: a column that isn't changed this way.
    """
    _ensure_descriptive(changes)

    def work() -> Product:
        product = Product.objects.select_for_update().get(pk=product_id)
        old_price = product.price
        for name, value in changes.items():
            setattr(product, name, value)
        product.clean_fields(exclude={"stock", "category"})
        if sure is not None:
            ensure_sure(questions_about(product, old_price), sure)
        if "sku" in changes:
            others = Product.objects.filter(sku=product.sku).exclude(pk=product_id)
            if others.exists():
                raise SkuTaken(attr="sku")
        if changes:
            product.save(update_fields=changes.keys())
        return product

    try:
        return run_transaction(work)
    except IntegrityError as error:
        if Product.objects.filter(sku=changes.get("sku")).exists():
            raise SkuTaken(attr="sku") from error
        raise


def _ensure_descriptive(columns: Mapping[str, Any]) -> None:
    if foreign := columns.keys() - set(DESCRIPTIVE):
        raise TypeError(f"not changed this way: {', '.join(sorted(foreign))}")
    for name, validate in (("description", validate_description), ("sku", validate_width)):
        try:
            validate(columns.get(name) or "")
        except ValidationError as error:
            raise ValidationError({name: error}) from error


def questions_about(product: Product, old_price: int | None = None) -> list[ValidationError]:
    """What is hardly ever meant about a product whose price was `old_price`, or that is new."""
    return [ValidationError(FREE, "free")] if product.price == 0 != old_price else []


def set_products_active(*, product_ids: Collection[int], is_active: bool) -> list[Product]:
    """Put products on sale, or withdraw them, in one transaction; those that this changed."""

    def work() -> list[Product]:
        products = lock_products(product_ids)
        changed = [product for product in products.values() if product.is_active != is_active]
        for product in changed:
            product.is_active = is_active
        save_fields(changed, ["is_active"])
        return changed

    return run_transaction(work)


def move_products(
    *, old_categories: Mapping[int, int | None], category_id: int | None
) -> list[Product]:
    """Put products, by their ids, into a category, or into none; those that this changed.

    `old_categories` are the ids of the categories that the change was decided on, so that nothing
    is undone that nobody has seen. All are moved or none.

    Raises:
        CategoryHasChanged: a product is in another category by now, or is gone, or the new one is.
    """

    def work() -> list[Product]:
        # First of all, as who deletes it does: it is not to go meanwhile.
        new = Category.objects.select_for_update().filter(pk=category_id or 0).first()
        products = lock_products(old_categories, whole=True)
        others = [
            product.name
            for pk, product in products.items()
            if product.category_id not in {old_categories[pk], category_id}
        ]
        is_gone = len(products) < len(old_categories) or (category_id is not None and new is None)
        if others or is_gone:
            raise CategoryHasChanged(_named(CategoryHasChanged.message, others))
        moved = [product for product in products.values() if product.category_id != category_id]
        Product.objects.filter(pk__in=[product.pk for product in moved]).update(category=new)
        return moved

    def find_again() -> list[Product] | None:
        products = lock_products(old_categories, whole=True)
        done = [one for pk, one in products.items() if old_categories[pk] != category_id]
        is_done = done and all(product.category_id == category_id for product in done)
        return done if is_done else None

    return run_transaction(work, find_again=find_again)


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

    def changes() -> tuple[dict[int, Product], list[PriceChange]]:
        products = lock_products(old_prices)
        return products, [
            PriceChange(product, old_prices[pk])
            for pk, product in products.items()
            if old_prices[pk] != new_prices[pk]
        ]

    def find_again() -> list[PriceChange] | None:
        _, done = changes()
        is_done = done and all(
            change.product.price == new_prices[change.product.pk] for change in done
        )
        return done if is_done else None

    def work() -> list[PriceChange]:
        products, done = changes()
        other = [
            product.name for pk, product in products.items() if product.price != old_prices[pk]
        ]
        if other or len(products) < len(old_prices):
            raise PriceHasChanged(_named(PriceHasChanged.message, other))
        for change in done:
            change.product.price = new_prices[change.product.pk]
        save_fields([change.product for change in done], ["price"])
        return done

    return run_transaction(work, find_again=find_again)


def _named(message: Any, names: Iterable[str], most: int = 5) -> str:
    named = [str(name) for name in names]
    if not named:
        return str(message)
    return f"{message} ({', '.join(named[:most])}{' …' if len(named) > most else ''})"
