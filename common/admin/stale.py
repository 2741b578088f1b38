"""A form of the admin that was opened before a colleague's change undoes none of it.

The page carries what it showed (Django's hidden initial values). When the form is sent, each field
is one of these, told apart by what it showed, what is sent, and what the row, locked, has by now:

- it was left alone: it takes the value of by now;
- it was changed, and nobody else changed it: it is what the form wants to write;
- it was changed, and by somebody else as well, to something else: nobody can know which is right.
"""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from common.admin.form_key import FIELD, made_at

if TYPE_CHECKING:
    from typing import TypeAlias

    ModelForm: TypeAlias = forms.ModelForm[Any]
else:
    from django.forms import ModelForm

LOG_ENTRIES_MAX = 3


def carry_what_is_shown(form: ModelForm) -> None:
    """Let the form's page carry the values that it shows."""
    opts = form.instance._meta
    for field in (*opts.fields, *opts.many_to_many):
        if field.name in form.fields:
            # Not what can't be changed here: that is the password's hash, which none may see.
            form.fields[field.name].show_hidden_initial = not form.fields[field.name].disabled


def take_over_changes(form: ModelForm) -> dict[str, Any]:
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
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(form.instance),
        object_id=str(form.instance.pk),
        action_time__gte=since,
    )
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
