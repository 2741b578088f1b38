"""The forms of the back office."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from ecommerce.common.admin_forms import ReasonedForm, ReasonForm, ServiceForm, not_zero


class MemberForm(ReasonedForm, UserChangeForm):  # type: ignore[misc]
    """A member's account: who may do what, and whether at all."""


class MemberAddForm(ServiceForm, UserCreationForm):  # type: ignore[misc]
    """A new member's name and password."""


class BalanceAdjustmentForm(ReasonForm):
    """A correction of a member's balance."""

    amount = forms.IntegerField(
        label=_("Amount (won)"),
        min_value=-settings.BALANCE_MAX,
        max_value=settings.BALANCE_MAX,
        validators=[not_zero],
        help_text=_("Won to add; with a minus sign, won to take away."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    field_order = ["amount", "reason"]
