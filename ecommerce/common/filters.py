"""Query parameters that several lists have: strict, and described as what they are."""

import re
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from ecommerce.common.serializers import PLAIN_DIGITS

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


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
