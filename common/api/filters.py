"""Query parameters that several lists have: strict, and described as what they are."""

import re
from collections.abc import Collection
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from common.api.serializers import LENGTH_BEFORE_NORMALISING, PLAIN_DIGITS

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class QueryForm(forms.Form):
    """Judges what was sent as it was sent.

    Django's forms take an empty parameter for one that is not there, and count a text's length
    after they have taken the spaces off its ends.
    """

    may_be_empty: Collection[str] = ()

    def clean(self) -> None:
        for name, field in self.fields.items():
            sent = self.data.get(name)
            if sent == "" and name not in self.may_be_empty:
                code = "invalid_choice" if isinstance(field, forms.ChoiceField) else "invalid"
                text = _("An empty value is none. Leave the parameter out instead.")
                self.add_error(name, ValidationError(text, code=code))
            longest = LENGTH_BEFORE_NORMALISING * (getattr(field, "max_length", None) or 0)
            if sent and longest and len(sent) > longest and name not in self.errors:
                self.add_error(name, ValidationError(_("It is too long."), code="max_length"))


class StrictFilterSet(filters.FilterSet):  # type: ignore[misc]
    """Filters that refuse an empty parameter, but for those in `may_be_empty`."""

    may_be_empty: ClassVar[Collection[str]] = ()

    def get_form_class(self) -> type[forms.Form]:
        fields = {name: parameter.field for name, parameter in self.filters.items()}
        return type("Form", (QueryForm,), {**fields, "may_be_empty": self.may_be_empty})


class FilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]
    """django-filter's, which makes a form with all its fields also where nothing is filtered."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        filterset_class = self.get_filterset_class(view, queryset)
        if filterset_class and filterset_class.base_filters.keys().isdisjoint(request.query_params):
            return queryset
        return super().filter_queryset(request, queryset, view)


class PlainDigitsField(forms.IntegerField):
    """Plain decimal digits only, as `WholeNumberField` has it."""

    def to_python(self, value: Any) -> int | None:
        if value not in self.empty_values and not PLAIN_DIGITS.fullmatch(str(value)):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class DayField(forms.DateField):
    """A day in the one form YYYY-MM-DD."""

    def to_python(self, value: Any) -> date | None:
        if value in self.empty_values:
            return None
        if DAY.fullmatch(str(value)):
            try:
                return date.fromisoformat(value)
            except ValueError:  # the 31st of February
                pass
        raise ValidationError(_("A day is written YYYY-MM-DD."), code="invalid")


@extend_schema_field({"type": "string", "format": "date"})
class DayFilter(filters.Filter):  # type: ignore[misc]
    """One of the shop's days (Asia/Seoul)."""

    field_class = DayField


@extend_schema_field({"type": "boolean"})
class YesOrNoFilter(filters.ChoiceFilter):  # type: ignore[misc]
    """`true` or `false`. A choice, because django-filter's boolean ignores anything else."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[("true", "true"), ("false", "false")], **kwargs)
