"""The query parameters of the product list."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from ecommerce.common.serializers import PLAIN_DIGITS
from products.models import Category, Product, ProductQuerySet

ORDERINGS = ["price", "-price", "name", "-name", "created_at", "-created_at"]


class WonField(forms.IntegerField):
    """Plain decimal digits only, as `WholeNumberField` has it."""

    def to_python(self, value: Any) -> int | None:
        if value not in self.empty_values and not PLAIN_DIGITS.fullmatch(str(value)):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


@extend_schema_field({"type": "integer", "minimum": 0, "description": "Won."})
class WonFilter(filters.Filter):  # type: ignore[misc]
    """A whole number of won, 0 or more."""

    field_class = WonField


class ProductFilter(filters.FilterSet):  # type: ignore[misc]
    # Filters apply in this order: what is searched among is a stretch of an index, so no others
    # come before the search.
    category = filters.ModelChoiceFilter(
        queryset=Category.objects.all(), to_field_name="slug", help_text="A category's slug."
    )
    search = filters.CharFilter(
        method="filter_search", max_length=100, help_text="A part of the name, in any case."
    )
    min_price = WonFilter(field_name="price", lookup_expr="gte", min_value=0, help_text="Won.")
    max_price = WonFilter(field_name="price", lookup_expr="lte", min_value=0, help_text="Won.")
    # A choice, because django-filter's boolean takes anything else for "not asked".
    in_stock = filters.ChoiceFilter(
        choices=[("true", "true"), ("false", "false")],
        method="filter_in_stock",
        help_text="Only products that can, or cannot, be bought right now.",
    )
    ordering = filters.ChoiceFilter(
        choices=[(ordering, ordering) for ordering in ORDERINGS],
        method="filter_ordering",
        help_text="Newest first unless said.",
    )

    class Meta:
        model = Product
        fields: list[str] = []

    def filter_search(self, queryset: ProductQuerySet, name: str, value: str) -> ProductQuerySet:
        return queryset.search(value)

    def filter_in_stock(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(stock__gt=0) if value == "true" else queryset.filter(stock=0)

    def filter_ordering(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.order_by(value)
