"""The forms of the back office, in the words of those who plan a campaign."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from common.admin.forms import PlainForm, ReasonedForm, ReasonForm
from common.admin.sureness import AsksIfSure
from coupons.models import TERMS

LABELS = {
    "name": _("Name"),
    "discount_type": _("Kind of discount"),
    "discount_value": _("Discount"),
    "max_discount": _("At most (won)"),
    "min_order_amount": _("On orders from (won)"),
    "total_quantity": _("How many coupons"),
    "issue_starts_at": _("Given out from"),
    "issue_ends_at": _("Given out until"),
    "valid_days": _("Valid for (days)"),
}
HELP_TEXTS = {
    "name": _("Members see it."),
    "discount_value": _("Won off for a fixed amount; 1 to 100 for a percentage."),
    "max_discount": _("Caps a percentage. Empty: no cap."),
    "min_order_amount": _("What an order must cost before the discount. 0: any order."),
    "total_quantity": _(
        "They are handed out first come first served, one to a member. While the sale is running"
        " you may raise this, or lower it to what is issued by then."
    ),
    "issue_starts_at": _("Nobody gets one before. Date and time are Seoul's."),
    "issue_ends_at": _("Nobody gets one from this moment on. Date and time are Seoul's."),
    "valid_days": _("Each coupon expires so many days after its member got it."),
}
PROMISED = _("Promised to those who have a coupon: it can't change any more.")


class CouponForm(ReasonedForm, AsksIfSure):
    """A campaign's terms, in the manager's words.

    Those that can't change any more can't be filled in. Who sends them anyway, from a page that is
    older than the first coupon, is told by the service if they would change.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in LABELS.keys() & self.fields.keys():
            self.fields[name].label = LABELS[name]
            self.fields[name].help_text = HELP_TEXTS.get(name, "")
        for name in (set(TERMS) if self.instance.issued_quantity else set()) & self.fields.keys():
            self.fields[name].disabled = self.add_prefix(name) not in self.data
            self.fields[name].show_hidden_initial = self.add_initial_prefix(name) in self.data
            self.fields[name].help_text = PROMISED
        if self.instance.pk is None:
            self.fields.pop("reason", None)


class _Window(forms.Form):
    issue_starts_at = forms.SplitDateTimeField(
        label=LABELS["issue_starts_at"],
        help_text=HELP_TEXTS["issue_starts_at"],
        widget=UnfoldAdminSplitDateTimeWidget,
    )
    issue_ends_at = forms.SplitDateTimeField(
        label=LABELS["issue_ends_at"],
        help_text=HELP_TEXTS["issue_ends_at"],
        widget=UnfoldAdminSplitDateTimeWidget,
    )


class CloneForm(PlainForm, _Window, AsksIfSure):
    """Another campaign with the same terms."""

    name = forms.CharField(label=LABELS["name"], max_length=100, widget=UnfoldAdminTextInputWidget)
    field_order = ["name", "issue_starts_at", "issue_ends_at"]


class OpenNowForm(ReasonForm):
    """From now on, and until when."""

    until = forms.SplitDateTimeField(
        label=LABELS["issue_ends_at"],
        help_text=HELP_TEXTS["issue_ends_at"],
        widget=UnfoldAdminSplitDateTimeWidget,
    )
    field_order = ["until", "reason"]
