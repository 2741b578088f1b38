"""The forms of the admin: they undo nothing, ask why, and say what a service refused."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from common.admin import stale
from common.admin.text import TOLD_MAX_LENGTH
from common.admin.told import shown_value
from common.errors import DomainError
from common.texts import validate_is_plain

if TYPE_CHECKING:
    from typing import TypeAlias

    ModelForm: TypeAlias = forms.ModelForm[Any]
else:
    from django.forms import ModelForm

REASON_MAX_LENGTH = 200


class PlainForm(forms.BaseForm):
    """A form whose texts, where they are new, have nothing in them that can't be seen."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name in self.changed_data:
            text, widget = self.cleaned_data.get(name), self.fields[name].widget
            if isinstance(text, str) and not isinstance(widget, forms.PasswordInput):
                try:
                    validate_is_plain(text, has_lines=isinstance(widget, forms.Textarea))
                except ValidationError as error:
                    self.add_error(name, error)
        return cleaned


class ServiceForm(PlainForm, ModelForm):
    """A form of one object that undoes nothing, and whose save may still be refused."""

    refusal: ClassVar[DomainError | ValidationError | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.changed_by_others: dict[str, Any] = {}
        self.is_change = self.instance.pk is not None
        if self.is_change:
            stale.carry_what_is_shown(self)
            if self.is_bound:
                self.changed_by_others = stale.take_over_changes(self)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name, value in self.changed_by_others.items():
            self._say_who_else_changed(name, value)
        if self.changed_by_others:
            for entry in stale.log_since(self):
                self.add_error(None, stale.told_meanwhile(entry))
        if self.refusal is not None:
            add_refusal(self, self.refusal)
        return cleaned

    def _say_who_else_changed(self, name: str, value: Any) -> None:
        if name not in self.cleaned_data:
            return  # what was typed is no value at all, and that is said
        field = self.fields[name]
        text = _(
            "Changed meanwhile: this is “%(theirs)s” by now, not what your page showed, and you"
            " entered “%(yours)s”. Nothing was saved. To put yours in its place, save once more."
        )
        shown = {
            "theirs": shown_value(field, value)[:TOLD_MAX_LENGTH],
            "yours": shown_value(field, self.cleaned_data[name])[:TOLD_MAX_LENGTH],
        }
        self.add_error(name, ValidationError(text, code="changed_meanwhile", params=shown))

    def _save_m2m(self) -> None:
        if self.is_change:
            stale.save_changed_relations(self)
        else:
            super()._save_m2m()  # type: ignore[misc]


class _ReasonField(forms.CharField):
    """Marked as required, which it is as soon as anything is changed: the form says it then."""

    def validate(self, value: str) -> None:
        pass


class ReasonedForm(ServiceForm):
    """A change whose reason goes into the log; without one, nothing may be changed."""

    reason = _ReasonField(
        label=_("Reason for the change"),
        max_length=REASON_MAX_LENGTH,
        widget=UnfoldAdminTextInputWidget,
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        is_change = self.instance.pk is not None and set(self.changed_data) - {"reason"}
        if is_change and not self.cleaned_data.get("reason"):
            self.add_error("reason", ValidationError(_("Say why: this is kept in the log.")))
        return cleaned


class ReasonForm(PlainForm, forms.Form):
    """Why staff do something by hand."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=REASON_MAX_LENGTH,
        help_text=_("Kept in the books for good, with your name."),
        widget=UnfoldAdminTextInputWidget,
    )


def not_zero(value: int) -> None:
    """Raises ValidationError for a change that changes nothing."""
    if value == 0:
        raise ValidationError(_("It must not be 0."), code="zero")


def add_refusal(form: forms.BaseForm, refusal: DomainError | ValidationError) -> None:
    """Add a refusal to a form's errors, at the fields that it names and the form has."""
    if isinstance(refusal, DomainError):
        errors = [
            (item.attr, ValidationError(item.detail, code=item.code)) for item in refusal.items
        ]
    else:
        by_field = getattr(refusal, "error_dict", {None: [refusal]})
        errors = [(name, ValidationError(found)) for name, found in by_field.items()]
    for name, error in errors:
        form.add_error(name if name in form.fields else None, error)
