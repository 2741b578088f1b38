"""The forms of the back office."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from common.admin.forms import ReasonedForm, ReasonForm, ServiceForm, not_zero
from common.admin.numbers import WholeNumberField
from users import passwords
from users.models import NAME_TAKEN, User


class ChecksName(forms.BaseModelForm):  # type: ignore[type-arg]
    """A name that a member is given. One from before there were these rules stays as it is."""

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        others = User.objects.with_a_name_like(name).exclude(pk=self.instance.pk)
        if "username" in self.changed_data and others.exists():
            raise forms.ValidationError(NAME_TAKEN, code="unique")
        return name

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded if "username" in self.changed_data else {*excluded, "username"}


class NormalisesPasswords(forms.BaseForm):
    """Passwords are checked in the form in which they are hashed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.PasswordInput):
                field.clean = _normalising(field.clean)  # type: ignore[method-assign,assignment]


def _normalising(clean: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: clean(passwords.normalise(value) if isinstance(value, str) else value)


class MemberForm(ChecksName, ReasonedForm, UserChangeForm):  # type: ignore[misc]
    """A member's account: who may do what, and whether at all."""


class MemberAddForm(
    ChecksName,
    NormalisesPasswords,
    ServiceForm,
    UserCreationForm,  # type: ignore[misc]
):
    """A new member's name and password. Whoever has none could not sign in by any other way."""

    usable_password = None


class PasswordForm(NormalisesPasswords, AdminPasswordChangeForm):  # type: ignore[misc]
    """A new password that staff give a member."""


class BalanceAdjustmentForm(ReasonForm):
    """A correction of a member's balance."""

    amount = WholeNumberField(
        label=_("Amount (won)"),
        min_value=-settings.BALANCE_MAX,
        max_value=settings.BALANCE_MAX,
        validators=[not_zero],
        help_text=_("Won to add; with a minus sign, won to take away."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    field_order = ["amount", "reason"]
