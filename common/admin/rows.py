"""Lists whose rows are changed where they stand, as carefully as on a page of their own.

Django's `list_editable` makes the inputs and saves the rows that were changed. Here they are
locked, lowest id first; each is taken for what it is by now (`stale`); one reason is asked for all.
"""

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.admin.forms import REASON_MAX_LENGTH, ReasonForm, ServiceForm
from common.admin.lists import CompletedChangeList, ShopModelAdmin
from common.admin.numbers import WholeNumberField
from common.admin.once import refusal_of
from common.errors import DomainError

if TYPE_CHECKING:
    from typing import TypeAlias

    ModelFormSet: TypeAlias = forms.BaseModelFormSet[Any, Any]
else:
    from django.forms import BaseModelFormSet as ModelFormSet

_KEY = re.compile(r"form-(\d{1,9})-id")


class RowForm(ServiceForm):
    """What is changed of one row."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label}: {self.instance}"


class _Why(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason = self.fields["reason"]
        reason.label, reason.help_text = _("Reason for the change"), ""
        reason.widget.attrs |= {"form": "changelist-form", "maxlength": REASON_MAX_LENGTH}


class RowFormSet(ModelFormSet):
    """The rows of a list, and why some of them are changed."""

    refusal: ClassVar[DomainError | ValidationError | None] = None

    @cached_property
    def why(self) -> ReasonForm:
        return _Why(self.data if self.is_bound else None)

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        key = form.instance.pk  # found already; Django would ask for it once more, row by row
        form.fields["id"] = WholeNumberField(initial=key, required=False, widget=forms.HiddenInput)

    def clean(self) -> None:
        super().clean()
        if isinstance(self.refusal, DomainError):
            raise ValidationError([str(item.detail) for item in self.refusal.items])
        if self.refusal is not None:
            raise self.refusal
        changed = [form for form in self.forms if form.has_changed()]
        if not changed:
            self.why.errors.clear()
        elif not self.why.is_valid():
            if not (self.why["reason"].data or "").strip():
                raise ValidationError(_("Say why: this is kept in the log."))
            told = " ".join(map(str, self.why.errors["reason"]))
            raise ValidationError(f"{self.why['reason'].label}: {told}")
        for form in changed:
            if hasattr(form, "cleaned_data"):
                form.cleaned_data["reason"] = self.why.cleaned_data["reason"]


class RowsChangeList(CompletedChangeList):
    """A list that is shown again, because something is wrong, has the rows that were sent."""

    def rows_shown(self, request: HttpRequest) -> Any:
        if not _is_sent(request):
            return super().rows_shown(request)
        keys = _keys(request)
        found = self.apply_select_related(self.root_queryset).in_bulk(keys)
        return [found[key] for key in keys if key in found]


class ChangesRows(ShopModelAdmin):
    """A list with the columns `list_editable`, changed by `save_model` as the form's are."""

    row_form: type[RowForm] = RowForm

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return RowsChangeList

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{"form": self.row_form, **kwargs})

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        made = super().get_changelist_formset(request, **{"formset": RowFormSet, **kwargs})
        made.refusal = refusal_of(request)  # type: ignore[attr-defined]  # made for this request
        return made

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if _is_sent(request) and self.has_change_permission(request):
            keys = _keys(request)
            known = self.get_queryset(request).order_by().filter(pk__in=keys).count()
            if not len(set(keys)) == len(keys) == known:
                text = _now("What was chosen isn't in the list.")
                self.message_user(request, text, messages.ERROR)
                return HttpResponseRedirect(request.get_full_path())
        return super().changelist_view(request, extra_context)

    def _get_list_editable_queryset(self, request: HttpRequest, prefix: str) -> QuerySet[Any]:
        rows = self.get_queryset(request).filter(pk__in=_keys(request)).order_by("pk")
        return rows if refusal_of(request) else rows.select_for_update()


def _is_sent(request: HttpRequest) -> bool:
    return request.method == "POST" and "_save" in request.POST


def _keys(request: HttpRequest) -> list[int]:
    """The ids of the rows that were sent, in their order; none at all if one isn't an id."""
    found = ((_KEY.fullmatch(name), key) for name, key in request.POST.items())
    sent = sorted((int(match[1]), str(key)) for match, key in found if match)
    if not all(key.isascii() and key.isdigit() and len(key) <= 18 for _place, key in sent):
        return []
    return [int(key) for _place, key in sent]
