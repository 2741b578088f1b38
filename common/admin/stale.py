"""A form of the admin that was opened before a colleague's change undoes none of it.

The page carries what it showed (Django's hidden initial values). When the form is sent, each field
is one of these, told apart by what it showed, what is sent, and what the row, locked, has by now:

- it was left alone: it takes the value of by now;
- it was changed, and nobody else changed it: it is what the form wants to write;
- it was changed, and by somebody else as well, to something else: nobody can know which is right.

A page that asks before it acts on objects carries up to where the log tells of them. If a colleague
did something to one of them since, that is told, and whether it is still wanted is asked.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _now

from common.admin.form_key import FIELD, LOG_SHOWN, made_at
from common.admin.text import moment
from common.admin.told import told_by

if TYPE_CHECKING:
    from typing import TypeAlias

    ModelForm: TypeAlias = forms.ModelForm[Any]
else:
    from django.forms import ModelForm

LOG_ENTRIES_MAX = 3
ON_THEIR_WAY = 2_000
"""Entries of the log: so many older ones may be committed after the newest that is seen."""


def carry_what_is_shown(form: ModelForm) -> None:
    """Let the form's page carry the values that it shows."""
    opts = form.instance._meta
    for field in (*opts.fields, *opts.many_to_many):
        if field.name in form.fields:
            # Not what can't be changed here: that is the password's hash, which none may see.
            form.fields[field.name].show_hidden_initial = not form.fields[field.name].disabled


def take_over_changes(form: forms.BaseForm) -> dict[str, Any]:
    """Let a form that was sent start from its row as it is by now.

    What was left alone becomes what it is by now; what was changed stays as sent. Afterwards the
    form's `changed_data` is what it changes of the row of by now, and a page made of the form
    carries that row, so that sending it once more is a decision made with it in view.

    Returns the values of by now of the fields that somebody else has changed as well.
    """
    data = cast("QueryDict", form.data).copy()
    conflicts: dict[str, Any] = {}
    for name, field in form.fields.items():
        if not field.show_hidden_initial:
            continue
        bound = form[name]
        shown_as, hidden = bound.html_initial_name, field.hidden_widget()
        shown = hidden.value_from_datadict(data, form.files, shown_as)
        data.setlist(shown_as, [])  # or Django takes it for unsaid, if it is in parts or empty
        _replace(data, field, shown_as, bound.initial)
        is_now = hidden.value_from_datadict(data, form.files, shown_as)
        if not _differ(field, shown, bound.data):
            _replace(data, field, bound.html_name, bound.initial)
        elif _differ(field, is_now, shown) and _differ(field, is_now, bound.data):
            conflicts[name] = bound.initial
    form.data = data
    return conflicts


def log_since(form: ModelForm) -> list[LogEntry]:
    """What the admin's log tells of the form's row since its page was made, newest first."""
    since = made_at(form.data.get(FIELD, ""))
    if since is None:
        return []
    about = _log_of(type(form.instance), [form.instance.pk])
    return _latest(about.filter(action_time__gte=since))


def show_log(request: HttpRequest, model: type[Model], keys: Iterable[object]) -> None:
    """Let the page carry up to where the log tells of these rows. Before they are read for it."""
    newest = LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    before = max(newest - ON_THEIR_WAY, 0)
    about = _log_of(model, keys).filter(pk__gt=before).order_by("-pk")
    shown = about.values_list("pk", flat=True).first() or before
    request.log_shown = shown  # type: ignore[attr-defined]


def ensure_shown(request: HttpRequest, model: type[Model], keys: Iterable[object]) -> None:
    """Look whether the page that was sent showed all that was done to these rows.

    To be called while they are locked, however that is done.

    Raises:
        ValidationError: it didn't; this says who did what meanwhile.
    """
    shown = request.POST.get(LOG_SHOWN, "")
    if not (shown.isascii() and shown.isdigit() and len(shown) <= 18):
        return  # not a form of ours
    if entries := _latest(_log_of(model, keys).filter(pk__gt=int(shown))):
        ask = _now("Nothing was done now. Send it once more if you still want it.")
        raise ValidationError([*map(told_meanwhile, entries), ask])


def told_meanwhile(entry: LogEntry) -> str:
    """What an entry of the log tells to who didn't see it."""
    return _now("Since you opened the page: %(who)s, %(when)s: %(what)s") % {
        "who": entry.user,
        "when": moment(entry.action_time),
        "what": told_by(entry),
    }


def _log_of(model: type[Model], keys: Iterable[object]) -> QuerySet[LogEntry]:
    kind = ContentType.objects.get_for_model(model)
    return LogEntry.objects.filter(content_type=kind, object_id__in=[str(key) for key in keys])


def _latest(entries: QuerySet[LogEntry]) -> list[LogEntry]:
    return list(entries.select_related("user").order_by("-pk")[:LOG_ENTRIES_MAX])


def save_changed(form: ModelForm) -> None:
    """Write the columns of the form's row that the form changes, and no others."""
    columns = {field.name for field in form.instance._meta.concrete_fields}
    form.instance.save(update_fields=columns.intersection(form.changed_data))


def save_changed_relations(form: ModelForm) -> None:
    """Add to, and remove from, the form's row what the form changes of its relations to many."""
    for relation in form.instance._meta.many_to_many:
        if relation.name in form.changed_data:
            before, after = set(form.initial[relation.name]), set(form.cleaned_data[relation.name])
            related = getattr(form.instance, relation.name)
            related.remove(*(before - after))
            related.add(*(after - before))


def _differ(field: forms.Field, mine: Any, theirs: Any) -> bool:
    """Whether two values, as inputs send them, mean different things to the field."""
    mine, theirs = _as_stored(mine), _as_stored(theirs)
    if not isinstance(field, forms.ModelChoiceField):  # which compares keys, and asks for no rows
        try:
            mine = field.to_python(mine)
        except ValidationError:
            return True
    return field.has_changed(mine, theirs)


def _as_stored(value: Any) -> Any:
    """Browsers send other ends of lines than the row may have."""
    if not isinstance(value, str):
        return value
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _inputs(field: forms.Field, name: str, value: Any) -> "MultiValueDict[str, Any]":
    """What the inputs of a page that shows a value would send, hidden ones or not."""
    widget = field.hidden_widget()
    widget.is_localized = field.localize
    shown = widget.get_context(name, field.prepare_value(value), {})["widget"]
    sent: MultiValueDict[str, Any] = MultiValueDict()
    for part in shown.get("subwidgets", [shown]):
        sent.appendlist(part["name"], "" if part["value"] is None else part["value"])
    return sent


def _replace(data: QueryDict, field: forms.Field, name: str, value: Any) -> None:
    for suffix in getattr(field.widget, "widgets_names", ()):
        data.pop(f"{name}{suffix}", None)
    if name in data:
        data.setlist(name, [])
    for key, values in _inputs(field, name, value).lists():
        data.setlist(key, values)
