"""The forms of the back office."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from common.admin.forms import ReasonedForm
from events.models import Kind


class EndpointForm(ReasonedForm):
    """Who is to be told, where, and of what."""

    kinds = forms.MultipleChoiceField(
        label=_("kinds"),
        choices=Kind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.fields.pop("reason", None)


class NoForm(forms.Form):
    """For a page that only asks whether it is meant."""
