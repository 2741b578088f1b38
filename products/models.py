"""What is sold, how much of it there is, and why that changed."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.db.fields import ExactCharField, ExactSlugField
from common.references import UNDOING, new_reference, undoing
from common.texts import validate_is_visible
from products.search import (
    NAME_MAX_LENGTH,
    SCANNED,
    SEARCH_TEXT_MAX_LENGTH,
    AmongIndexed,
    has_index,
    index_query,
    readings,
    search_text,
    search_words,
)

PRICE_MAX = 1_000_000_000
STOCK_MAX = 1_000_000_000
SLUG_MAX_LENGTH = 100
SKU_BEGINNING = 6
SKU_MAX_LENGTH = 64
IMPORT_NAME_MAX_LENGTH = 150
DESCRIPTION_MAX_LENGTH = 2_000
"""Of a description that is new: the form of its product can send it back, whatever its letters."""
OPENING_STOCK = "opening stock"
"""The reason of a new product's first pieces, as it is kept; staff read it in their language."""
IMPORTED = "import: "
"""How the reason begins of what an import did to stock; its name follows."""
DESCRIPTIVE = ("sku", "name", "description", "category", "price", "is_active")
"""The columns that describe a product. Whatever takes or tells them has them from here.

Customers see all but the last.
"""
NAME_COLUMNS = frozenset({"name", "search_name", "search_words"})
"""What is written when a product gets a name."""


def new_sku() -> str:
    """A stock keeping unit for a product that was given none: unique without asking."""
    return new_reference("P")


# Begins with a letter or digit, so that no spreadsheet takes it for a formula.
validate_sku = RegexValidator(
    r"^\w[\w./#-]*\Z",
    _("Letters, digits and . _ - / # only, beginning with a letter or digit."),
    code="invalid_sku",
)


def validate_width(sku: str) -> None:
    """Raises ValidationError when a SKU that is new reads like another, as Ａ-1 does like A-1."""
    usual = unicodedata.normalize("NFKC", sku)
    if sku != usual:
        raise ValidationError(
            _("Write it as “%(usual)s”: its letters are of another width or form."),
            code="invalid_sku",
            params={"usual": usual},
        )


class FoldedNameField(ExactCharField):
    """What the row's name is searched by, kept up whenever the row is written."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        text = search_text(model_instance.name)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, text)
        return text


class NameWordsField(models.TextField):  # type: ignore[type-arg]
    """The words of the row's name that the full-text index has, kept up as the name is."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        words = search_words(model_instance.name)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, words)
        return words

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "ascii_bin"
        return parameters


NameWordsField.register_lookup(AmongIndexed)


class Category(models.Model):
    name = ExactCharField(_("name"), max_length=100, unique=True, validators=[validate_is_visible])
    slug = ExactSlugField(_("slug"), max_length=SLUG_MAX_LENGTH, unique=True, allow_unicode=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.name)


@dataclass(frozen=True, slots=True)
class Search:
    """What a queryset was searched for, and among which rows."""

    among: "ProductQuerySet"
    ways: Sequence[str]
    """The readings of the text."""


class ProductQuerySet(models.QuerySet["Product"]):
    searched: Search | None = None
    chosen: tuple[int, ...] = ()
    """The ids that were asked for, in the order of the asking."""

    def _clone(self) -> "ProductQuerySet":
        clone: ProductQuerySet = super()._clone()  # type: ignore[misc]
        clone.searched = self.searched
        clone.chosen = self.chosen
        return clone

    def listed(self) -> "ProductQuerySet":
        """The products that customers see."""
        return self.filter(is_active=True).select_related("category")

    def with_ids(self, ids: Sequence[int]) -> "ProductQuerySet":
        """These products only; `ProductPagination` keeps to the order of `ids`."""
        found = self.filter(pk__in=ids)
        found.chosen = tuple(ids)
        return found

    def search(self, text: str) -> "ProductQuerySet":
        """Products whose name has `text` in it, as shown, whatever the case; all for a blank text.

        By itself it compares every name. `ProductPagination` reads a page of it faster, and
        `search_all` all of them.
        """
        ways = readings(text)
        if not ways:
            return self
        found = self.filter(reduce(or_, (Q(search_name__contains=way) for way in ways)))
        found.searched = Search(self, ways)
        return found

    def search_all(self, text: str) -> "ProductQuerySet":
        """`search`, to count or join what it finds: by the index, if there are many products."""
        found = self.search(text)
        if found.searched is None or not has_index(connection):
            return found
        many = Product.objects.order_by("pk").values("pk")[SCANNED : SCANNED + 1]
        query = index_query(found.searched.ways)
        return found.filter(search_words__among_indexed=query) if many else found

    def low_in_stock(self, limit: int) -> "ProductQuerySet":
        """The products on sale of which `limit` pieces or fewer are left, the fewest first."""
        return self.filter(is_active=True, stock__lte=limit).order_by("stock", "id")

    def search_for_staff(self, text: str) -> "ProductQuerySet":
        """Products whose sku is `text` or begins with it, and those that `search_all` finds.

        A beginning has six characters or more: a shorter one fits the SKUs of many, and counts as a
        whole sku only. Its letters may be typed as they are, or all as capitals or small ones.
        """
        text = text.strip()
        skus = {text, text.upper(), text.lower()}
        coded = Q(sku__in=skus)
        if len(text) >= SKU_BEGINNING:
            # Not by LIKE, which ignores case on SQLite, and there reads all of the index.
            coded = reduce(or_, (Q(sku__gte=sku, sku__lte=f"{sku}\U0010ffff") for sku in skus))
        named = self.search_all(text)
        if not self.filter(coded).exists():
            return named
        if not named.exists():  # as of most SKUs; both at once read every product
            return self.filter(coded)
        found = (Product.objects.filter(coded), Product.objects.search_all(text))
        return self.filter(reduce(or_, (Q(pk__in=some.values("pk")) for some in found)))


class Product(models.Model):
    sku = ExactCharField(
        _("SKU"),
        max_length=SKU_MAX_LENGTH,
        unique=True,
        default=new_sku,
        validators=[validate_sku],
        error_messages={"unique": _("Another product has this SKU.")},
        help_text=_("The stock keeping unit: how files and other systems know this product."),
    )
    name = ExactCharField(_("name"), max_length=NAME_MAX_LENGTH, validators=[validate_is_visible])
    description = models.TextField(_("description"), blank=True, default="")
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="products",
        verbose_name=_("category"),
        db_index=False,  # the three indexes below start with it
    )
    price = models.BigIntegerField(
        _("price (won)"), validators=[MinValueValidator(0), MaxValueValidator(PRICE_MAX)]
    )
    stock = models.BigIntegerField(
        _("stock"),
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(STOCK_MAX)],
        help_text=_("Always what its adjustments and sales add up to."),
    )
    is_active = models.BooleanField(
        pgettext_lazy("product", "active"),
        default=True,
        help_text=_("Customers see and buy active products only."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    search_name = FoldedNameField(max_length=SEARCH_TEXT_MAX_LENGTH, editable=False, default="")
    search_words = NameWordsField(editable=False, default="")

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="product_price_gte_0"),
            models.CheckConstraint(condition=models.Q(stock__gte=0), name="product_stock_gte_0"),
        ]
        # One for each ordering of the list, unfiltered and by category; the id that breaks ties
        # is part of every secondary index of InnoDB, and is named for the others. The last finds
        # what runs low.
        indexes = [
            models.Index(fields=["is_active", "price", "id"], name="product_price_idx"),
            models.Index(fields=["is_active", "name", "id"], name="product_name_idx"),
            models.Index(fields=["is_active", "created_at", "id"], name="product_created_idx"),
            models.Index(
                fields=["category", "is_active", "price", "id"], name="product_cat_price_idx"
            ),
            models.Index(
                fields=["category", "is_active", "name", "id"], name="product_cat_name_idx"
            ),
            models.Index(
                fields=["category", "is_active", "created_at", "id"],
                name="product_cat_created_idx",
            ),
            models.Index(fields=["is_active", "stock"], name="product_stock_idx"),
        ]

    def __str__(self) -> str:
        return str(self.name)

    def save(self, *, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if update_fields is not None and "name" in (update_fields := set(update_fields)):
            update_fields |= NAME_COLUMNS
        super().save(update_fields=update_fields, **kwargs)


class StockAdjustment(models.Model):
    """A change of stock that is no sale: the opening stock, a delivery, a loss."""

    product = models.ForeignKey(
        Product, models.PROTECT, related_name="adjustments", verbose_name=_("product")
    )
    quantity = models.BigIntegerField(_("quantity (signed)"))
    stock_after = models.BigIntegerField(_("stock after"))
    reason = models.CharField(_("reason"), max_length=200)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("adjusted by"),
    )
    reference = ExactCharField(max_length=40, unique=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("stock adjustment")
        verbose_name_plural = _("stock adjustments")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(stock_after__gte=0), name="adjustment_stock_after_gte_0"
            ),
            models.CheckConstraint(
                condition=~models.Q(quantity=0), name="adjustment_quantity_not_0"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product}: {self.quantity:+,} ({self.told_reason})"

    @property
    def is_undoable(self) -> bool:
        """Whether it is not itself the undoing of another."""
        return not self.reference.startswith(UNDOING)

    @property
    def is_undone(self) -> bool:
        """Whether its opposite was done."""
        return StockAdjustment.objects.filter(reference=undoing(self.reference)).exists()

    @property
    def told_reason(self) -> str:
        """What staff wrote, or our own reason in the language of the moment."""
        if self.reason == OPENING_STOCK:
            return _now("opening stock")
        if self.reason.startswith(IMPORTED):
            return _now("import: %(name)s") % {"name": self.reason.removeprefix(IMPORTED)}
        return self.reason


class ImportFile(models.Model):
    """A file of products that was looked at, and waits to be confirmed; then what was imported."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(_("name of this import"), max_length=IMPORT_NAME_MAX_LENGTH)
    content = models.BinaryField()
    seen = models.JSONField(default=dict, editable=False)
    """What the preview showed of the columns that change: by sku and column, a digest."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("imported by")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, db_index=True)
    taken_at = models.DateTimeField(_("imported at"), null=True, editable=False)
    outcome = models.TextField(_("outcome"), blank=True, default="", editable=False)
    """What the import did, for whoever confirms it again."""

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return str(self.name)

    @property
    def is_undoable(self) -> bool:
        """Whether it is known what it changed, if anything."""
        return self.batches.exists()

    @property
    def is_undone(self) -> bool:
        """Whether nothing of it is left to undo."""
        return not self.batches.filter(is_undone=False).exists()


class Change(NamedTuple):
    """What an import did to one column of a product.

    A new product's `is_active` was None before. Of `stock` it is the adjustment of that `reference`
    that counts, and `after` is by how much.
    """

    product_id: int
    column: str
    before: Any
    after: Any
    reference: str = ""
    undone_at: str | None = None
    """When it was, as ISO 8601 has it."""

    @property
    def value_to_undo_to(self) -> Any:
        """The value from before; a new product was not on sale."""
        return bool(self.before) if self.column == "is_active" else self.before


class ImportedBatch(models.Model):
    """What an import did in one transaction, so that it can be undone: a list of `Change`."""

    file = models.ForeignKey(ImportFile, models.PROTECT, related_name="batches")
    kept_changes = models.JSONField()
    is_undone = models.BooleanField(default=False)
    """Whether nothing of it is left to undo."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.file_id}: {len(self.kept_changes)}"

    @property
    def changes(self) -> list[Change]:
        return [Change(*kept) for kept in self.kept_changes]
