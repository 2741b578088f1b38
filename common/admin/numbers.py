"""Numbers as staff type them: what isn't surely one number is none.

Python's `int` and `Decimal`, which Django's fields ask, read 1_000 as 1000; and Django cuts the
`.000` off 18.000, which in half of the world is eighteen thousand.
"""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

_WHOLE = re.compile(r"[+-]?(?:\d+|(?P<first>\d{1,3})(?:,\d{3})+)")
_DECIMAL = re.compile(r"[+-]?\d*\.?\d+")


class WholeNumberField(forms.IntegerField):
    """Digits, a sign before them, and commas where thousands end; nothing else is a number."""

    def to_python(self, value: Any) -> int | None:
        if isinstance(value, str) and value not in self.empty_values:
            written = _WHOLE.fullmatch(value.strip())
            if written is None or (written["first"] and int(written["first"][0]) == 0):  # 0,100
                raise ValidationError(self.error_messages["invalid"], code="invalid")
            value = value.replace(",", "")
        return super().to_python(value)


class PlainDecimalField(forms.DecimalField):
    """Digits, a sign before them, and one point between them."""

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        is_typed = isinstance(value, str) and value not in self.empty_values
        if is_typed and not _DECIMAL.fullmatch(value.strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class GroupedNumberField(WholeNumberField):
    """A whole number that is shown with commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "localize": True})
