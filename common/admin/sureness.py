"""Forms that ask before they do what is hardly ever meant."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from common.admin.lists import ShopModelAdmin


class Questions(forms.MultipleChoiceField):
    """What was said yes to, whatever was asked. Nothing is seen of it until something is."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Is this meant?"), required=False, widget=forms.MultipleHiddenInput
        )

    def valid_value(self, value: str) -> bool:
        return True

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False  # a yes by itself changes nothing

    def ask(self, questions: Sequence[ValidationError]) -> None:
        self.widget = UnfoldAdminCheckboxSelectMultipleWidget()
        self.choices = [
            (question.code or "", _("Yes: %(what)s") % {"what": " ".join(question.messages)})
            for question in questions
        ]


class AsksIfSure(forms.Form):
    """A form for a service that takes `sure` and calls `ensure_sure`.

    What the service asks is an error of the form, and a box to tick that was not there before.
    """

    sure = Questions()

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        if field == "sure":
            self.fields["sure"].ask(error.error_list)  # type: ignore[attr-defined]


class AsksIfSureAdmin(ShopModelAdmin):
    """An admin whose forms, made of `AsksIfSure`, ask below all that can be filled in."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        *others, (name, options) = super().get_fieldsets(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            return [*others, (name, options)]
        return [*others, (name, {**options, "fields": [*options["fields"], "sure"]})]
