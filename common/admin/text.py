"""How the admin says numbers, moments and values."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

LOGGED_MAX_LENGTH = 100
TOLD_MAX_LENGTH = 500
"""Of two long texts that differ, people need to see where."""

WON = "₩{:,}"
COUNT = "{:,}"
SIGNED = "{:+,}"


def moment(value: datetime | None) -> str:
    """A moment as the language writes it, in the shop's time."""
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if value else "–"


def shown_change(form: forms.BaseForm, name: str) -> tuple[str, str]:
    """What a field of a valid form was and is, for the log."""
    field = form.fields[name]
    values = (form.get_initial_for_field(field, name), form.cleaned_data[name])
    old, new = (shown_value(field, value)[:LOGGED_MAX_LENGTH] for value in values)
    return old, new


def shown_value(field: forms.Field, value: Any) -> str:
    """A field's value, as its row has it or as the form was sent, in words."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int) and not isinstance(field, forms.ModelChoiceField):
        return COUNT.format(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(field, forms.ModelMultipleChoiceField):
        return ", ".join(sorted(str(chosen) for chosen in value)) or "–"
    if isinstance(field, forms.ModelChoiceField) and not isinstance(value, Model):
        value = field.queryset.filter(pk=value).first() if field.queryset is not None else value
    if isinstance(field, forms.MultipleChoiceField):
        names = dict(field.choices)  # type: ignore[arg-type]
        return ", ".join(str(names.get(one, one)) for one in value) or "–"
    if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]
    return str(value)
