"""What staff did, kept so that everybody reads it in their own language.

The log keeps an English text, which is the key of its translations, and the values that belong into
it; not the sentence, whose language would be that of whoever acted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Union

from django import forms
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext, override

from common.admin.particles import with_particles
from common.admin.text import COUNT, moment
from common.texts import StrOrPromise

Value = Union[str, datetime, "Told", Sequence["Value"]]
"""A text that is the same in all languages, a moment, something told, or several of these."""

LOGGED_MAX_LENGTH = 100
_BEGINNING = '{"text": '


@dataclass(frozen=True, slots=True)
class Told:
    """A text of ours with its values; `str()` says it in the language of the moment."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)
    field_name: str = ""
    """Of the name of a model's field: `products.Product.price`. It may have another text by now."""

    def __str__(self) -> str:
        said = gettext(self.text) if self.text else ""
        if label := _label_of(self.field_name):
            said = str(capfirst(label)) if self.text[:1].isupper() else label
        if not self.values:
            return said
        values = {name: _said(value) for name, value in self.values.items()}
        return with_particles(said % values)

    def stored(self) -> str:
        """For the log; `told_by` reads it."""
        return json.dumps(_as_json(self), ensure_ascii=False)  # or no search finds its words


def told_by(entry: LogEntry) -> str:
    """What an entry of the log tells, in the language of the moment."""
    told = _told_in(entry)
    return _said(told) if isinstance(told, Told) else told


def text_of(entry: LogEntry) -> str:
    """The key of what an entry of the log tells: its text without values."""
    told = _told_in(entry)
    return told.text if isinstance(told, Told) else ""


def what_and_why(entry: LogEntry) -> tuple[str, str]:
    """What an entry of the log tells, and the reason by itself, if it has one."""
    told = _told_in(entry)
    reason = told.values.get("reason") if isinstance(told, Told) else None
    if not isinstance(told, Told) or not isinstance(reason, str):
        return told_by(entry), ""
    if "done" in told.values:
        return _said(told.values["done"]), reason
    return _said(told).removesuffix(reason).rstrip(": "), reason


def told_again(stored: str) -> Told | str:
    """What `Told.stored` made a text of; that text itself, if it did not."""
    try:
        told = _from_json(json.loads(stored))
        _said(told)
    except (ValueError, KeyError, TypeError, AttributeError):
        return stored
    return told if isinstance(told, Told) else stored


def _told_in(entry: LogEntry) -> Told | str:
    stored: str = entry.change_message
    return told_again(stored) if stored.startswith(_BEGINNING) else entry.get_change_message()


def as_stored_in_told(text: str) -> str:
    """How the log has `text`: its quotation marks are escaped."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def told_label(label: "StrOrPromise") -> Told:
    """A lazy text of ours, such as a field's label, as the key of its translations."""
    with override("en"):
        return Told(str(label))


def told_field(of: Any) -> Told:
    """The name of a model's field."""
    label = told_label(of.verbose_name)
    return Told(label.text, field_name=f"{of.model._meta.label}.{of.name}")


def told_change(form: forms.BaseForm, name: str) -> Told:
    """From what to what a field of a valid form was changed."""
    changed = form.fields[name]
    old, new = form.get_initial_for_field(changed, name), form.cleaned_data[name]
    return Told(
        "%(field)s: %(old)s → %(new)s",
        {
            "field": _told_field_of(form, name),
            "old": _shortened(told_value(changed, old)),
            "new": _shortened(told_value(changed, new)),
        },
    )


def told_several(parts: Sequence[Told]) -> Told:
    """What was done, one after the other."""
    return parts[0] if len(parts) == 1 else Told("%(parts)s", {"parts": _Joined(parts)})


def with_reason(done: Told, reason: str) -> Told:
    """What was done, and why."""
    return Told("%(done)s (%(reason)s)", {"done": done, "reason": reason})


def yes_or_no(value: bool) -> Told:
    return Told("yes") if value else Told("no")


def told_value(of: forms.Field, value: Any) -> Value:
    """A field's value, as its row has it or as the form was sent."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return yes_or_no(value)
    if isinstance(value, int) and not isinstance(of, forms.ModelChoiceField):
        return COUNT.format(value)
    if isinstance(value, datetime):
        return value
    if isinstance(of, forms.ModelMultipleChoiceField):
        told = getattr(of, "told_of", str)  # what has a name of ours in each language
        return [told(chosen) for chosen in sorted(value, key=str)] or "–"
    if isinstance(of, forms.ModelChoiceField) and not isinstance(value, Model):
        value = of.queryset.filter(pk=value).first() if of.queryset is not None else value
    if isinstance(of, forms.MultipleChoiceField):
        return [_told_choice(of, one) for one in value] or "–"
    if isinstance(of, forms.ChoiceField) and not isinstance(of, forms.ModelChoiceField):
        return _told_choice(of, value)
    return str(value)


def shown_value(of: forms.Field, value: Any) -> str:
    """A field's value in words, in the language of the moment."""
    return _said(told_value(of, value))


def _told_choice(of: Any, value: Any) -> Told | str:
    name = dict(of.choices).get(value)
    return str(value) if name is None else told_label(name)


def _told_field_of(form: forms.BaseForm, name: str) -> Told:
    label = told_label(form.fields[name].label or name)
    if isinstance(form, forms.BaseModelForm) and hasattr(type(form.instance), name):
        of_model = told_field(form.instance._meta.get_field(name))
        if capfirst(of_model.text) == label.text:  # else the form calls it otherwise
            return Told(label.text, field_name=of_model.field_name)
    return label


class _Joined(list[Value]):
    """Several sentences, not several values."""


def _shortened(value: Value) -> Value:
    return value[:LOGGED_MAX_LENGTH] if isinstance(value, str) else value


def _label_of(field_name: str) -> str:
    model, _dot, name = field_name.rpartition(".")
    try:
        return str(apps.get_model(model)._meta.get_field(name).verbose_name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return ""


def _said(value: Value) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, str | Told):
        return str(value)
    between = "; " if isinstance(value, _Joined) else ", "
    return between.join(_said(one) for one in value)


def _as_json(value: Value) -> Any:
    if isinstance(value, Told):
        values = {name: _as_json(one) for name, one in value.values.items()}
        kept = {"text": value.text, "values": values, "field": value.field_name}
        return {name: one for name, one in kept.items() if one or name == "text"}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, str):
        return value
    several = [_as_json(one) for one in value]
    return {"sentences": several} if isinstance(value, _Joined) else several


def _from_json(stored: Any) -> Value:
    if isinstance(stored, str):
        return stored
    if isinstance(stored, list):
        return [_from_json(one) for one in stored]
    if "moment" in stored:
        return datetime.fromisoformat(stored["moment"])
    if "sentences" in stored:
        return _Joined(_from_json(one) for one in stored["sentences"])
    values = {name: _from_json(one) for name, one in stored.get("values", {}).items()}
    return Told(stored["text"], values, stored.get("field", ""))
