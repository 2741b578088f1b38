"""The query parameters of the product list."""

import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from common.api.filters import PlainDigitsField, StrictFilterSet, YesOrNoFilter
from common.api.serializers import LENGTH_BEFORE_NORMALISING, NO_NULL_CHARACTER
from products.models import Category, Product, ProductQuerySet

IDS = r"[0-9]{1,18}(,[0-9]{1,18}){0,99}"
SEARCH_MAX = 100
ORDERINGS = ["price", "-price", "name", "-name", "created_at", "-created_at"]


@extend_schema_field({"type": "integer", "minimum": 0, "description": "Won."})
class WonFilter(filters.Filter):  # type: ignore[misc]
    """A whole number of won, 0 or more."""

    field_class = PlainDigitsField


class IdsField(forms.CharField):
    """Up to a hundred ids with commas between."""

    def clean(self, value: Any) -> list[int]:
        text = super().clean(value)
        if not text:
            return []
        if not re.fullmatch(IDS, text):
            raise ValidationError(_("1 to 100 ids with commas between."), code="invalid")
        return list(dict.fromkeys(map(int, text.split(","))))


@extend_schema_field({"type": "string", "pattern": f"^{IDS}$", "example": "11,7,3"})
class IdsFilter(filters.Filter):  # type: ignore[misc]
    """Rows by their ids, in the order in which these are given."""

    field_class = IdsField


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "pattern": NO_NULL_CHARACTER,
        "description": "A category's slug.",
    }
)
class CategoryFilter(filters.ModelChoiceFilter):  # type: ignore[misc]
    """A category by its slug."""


class ShownLengthValidator(MaxLengthValidator):
    """Counts what is shown, of which some systems send several characters for each ("é", "가")."""

    def clean(self, x: str) -> int:  # type: ignore[override]
        if len(x) > LENGTH_BEFORE_NORMALISING * SEARCH_MAX:
            return len(x)  # thousands of marks would take long to be put in order
        return len(unicodedata.normalize("NFC", x))


class SearchField(forms.CharField):
    """A part of a name, as long as it is shown."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=SEARCH_MAX, **kwargs)
        self.validators = [
            ShownLengthValidator(SEARCH_MAX) if isinstance(rule, MaxLengthValidator) else rule
            for rule in self.validators
        ]


@extend_schema_field(
    {
        "type": "string",
        "maxLength": SEARCH_MAX,
        "pattern": NO_NULL_CHARACTER,
        "description": "A part of the name as it is shown, in any case.",
    }
)
class SearchFilter(filters.CharFilter):  # type: ignore[misc]
    """A part of a name."""

    field_class = SearchField


class ProductFilter(StrictFilterSet):
    may_be_empty = ("search",)  # a search box that was cleared

    # Filters apply in this order: what is searched among is a stretch of an index, so no others
    # come before the search.
    category = CategoryFilter(queryset=Category.objects.all(), to_field_name="slug")
    search = SearchFilter(method="filter_search")
    min_price = WonFilter(field_name="price", lookup_expr="gte", min_value=0, help_text="Won.")
    max_price = WonFilter(field_name="price", lookup_expr="lte", min_value=0, help_text="Won.")
    in_stock = YesOrNoFilter(
        method="filter_in_stock",
        help_text="Only products that can, or cannot, be bought right now.",
    )
    ordering = filters.ChoiceFilter(
        choices=[(ordering, ordering) for ordering in ORDERINGS],
        method="filter_ordering",
        help_text="Newest first unless said.",
    )
    ids = IdsFilter(
        method="filter_ids",
        help_text=(
            "These products, in this order and all on one page: up to 100 ids with commas between."
            " Unknown and withdrawn ones are left out. Not together with `ordering` or `cursor`."
        ),
    )

    class Meta:
        model = Product
        fields: list[str] = []

    def filter_search(self, queryset: ProductQuerySet, name: str, value: str) -> ProductQuerySet:
        return queryset.search(value)

    def filter_in_stock(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(stock__gt=0) if value == "true" else queryset.filter(stock=0)

    def filter_ids(self, queryset: ProductQuerySet, name: str, value: list[int]) -> ProductQuerySet:
        return queryset.with_ids(value)

    def filter_ordering(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.order_by(value)
