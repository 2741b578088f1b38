"""What is sold, how much of it there is, and why that changed."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ecommerce.common.fields import ExactCharField, ExactSlugField
from ecommerce.common.references import new_reference
from products.search import SCANNED, AmongIndexed, has_index, index_query

PRICE_MAX = 1_000_000_000
STOCK_MAX = 1_000_000_000
SKU_BEGINNING = 6
SKU_MAX_LENGTH = 64
IMPORT_NAME_MAX_LENGTH = 150


def fold(text: str) -> str:
    """`text` as it is searched: compatibility forms composed, case folded.

    Done here rather than by a collation, so that each database finds the same names.
    """
    return unicodedata.normalize("NFKC", text).casefold()


def new_sku() -> str:
    """A stock keeping unit for a product that was given none: unique without asking."""
    return new_reference("P")


# Begins with a letter or digit, so that no spreadsheet takes it for a formula.
validate_sku = RegexValidator(
    r"^\w[\w./#-]*\Z",
    _("Letters, digits and . _ - / # only, beginning with a letter or digit."),
    code="invalid_sku",
)


class FoldedNameField(ExactCharField):
    """The folded form of the row's name, kept up whenever the row is written."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        folded = fold(model_instance.name)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, folded)
        return folded


FoldedNameField.register_lookup(AmongIndexed)


class Category(models.Model):
    name = ExactCharField(_("name"), max_length=100, unique=True)
    slug = ExactSlugField(_("slug"), max_length=100, unique=True, allow_unicode=True)

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
    index_query: str


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
        """Products whose name contains `text`, whatever the case.

        By itself it compares every name. `ProductPagination` reads a page of it faster, and
        `search_all` all of them.
        """
        folded = fold(text)
        found = self.filter(search_name__contains=folded)
        found.searched = Search(self, index_query(folded))
        return found

    def search_all(self, text: str) -> "ProductQuerySet":
        """`search`, to count or join what it finds: by the index, if there are many products."""
        found = self.search(text)
        query = index_query(fold(text))
        if not query or not has_index(connection):
            return found
        many = Product.objects.order_by("pk").values("pk")[SCANNED : SCANNED + 1]
        return found.filter(search_name__among_indexed=query) if many else found

    def low_in_stock(self, limit: int) -> "ProductQuerySet":
        """The products on sale of which `limit` pieces or fewer are left, the fewest first."""
        return self.filter(is_active=True, stock__lte=limit).order_by("stock", "id")

    def search_for_staff(self, text: str) -> "ProductQuerySet":
        """Products whose sku begins with `text`; if there is none, those that `search_all` finds.

        A shorter beginning than six characters fits the SKUs of many and the names of more.
        """
        by_sku = self.filter(sku__startswith=text.strip())
        if len(text.strip()) >= SKU_BEGINNING and by_sku.exists():
            return by_sku
        return self.search_all(text)


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
    name = ExactCharField(_("name"), max_length=200)
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
        _("active"), default=True, help_text=_("Customers see and buy active products only.")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    # casefold and NFKC may lengthen a name: "ﷺ" becomes 18 characters.
    search_name = FoldedNameField(max_length=4000, editable=False, default="")

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        permissions = [("export_product", "Can export products")]
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
        return f"{self.product}: {self.quantity:+,} ({self.reason})"


class ImportFile(models.Model):
    """A file of products that was looked at, and waits to be confirmed."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(_("name of this import"), max_length=IMPORT_NAME_MAX_LENGTH)
    content = models.BinaryField()
    seen = models.JSONField(default=dict, editable=False)
    """What the preview showed of the columns that change: by sku and column, a digest."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(_("created at"), default=timezone.now, db_index=True)
    taken_at = models.DateTimeField(null=True, editable=False)
    outcome = models.TextField(blank=True, default="", editable=False)
    """What the import did, for whoever confirms it again."""

    def __str__(self) -> str:
        return str(self.name)
