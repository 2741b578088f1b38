"""The period that the dashboard shows, as its address says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from common.texts import StrOrPromise
from products.models import Category

TODAY = "today"
OTHER = "other"
USUAL = "14"
"""What is shown to who chose nothing."""
DAYS_MAX = 366
EARLIEST = date(2000, 1, 1)
"""As with campaigns. What is shown beside a period lies before it, where Python has days, too."""
CHOICES: "list[tuple[str, StrOrPromise]]" = [
    (TODAY, _("today")),
    ("7", _("the last 7 days")),
    ("14", _("the last 14 days")),
    ("30", _("the last 30 days")),
    ("90", _("the last 90 days")),
    (OTHER, _("from – to")),
]


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the shop, both ends included; `today` is the day on which it is looked at."""

    since: date
    until: date
    today: date

    @property
    def days(self) -> list[date]:
        return [self.since + timedelta(index) for index in range(len(self))]

    def __len__(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def is_today(self) -> bool:
        return self.since == self.until == self.today

    @property
    def is_over(self) -> bool:
        """Whether all of its days are whole: only then can it be held against others."""
        return self.until < self.today

    @property
    def before(self) -> "Period":
        """As many days, right before it."""
        length = timedelta(len(self))
        return Period(self.since - length, self.until - length, self.today)

    def __str__(self) -> str:
        if self.is_today:
            return _now("today")
        first = date_format(self.since, "DATE_FORMAT")
        if len(self) == 1:
            return first
        return f"{first} – {date_format(self.until, 'DATE_FORMAT')}"


class PeriodForm(forms.Form):
    """What may be chosen: whole days up to yesterday, today, or any days from one to another."""

    period = forms.ChoiceField(
        label=_("Period"), choices=CHOICES, required=False, widget=UnfoldAdminSelectWidget
    )
    since = forms.DateField(
        label=_("From"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
    )
    until = forms.DateField(
        label=_("To"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
    )
    category: "forms.ModelChoiceField[Category]" = forms.ModelChoiceField(
        Category.objects.order_by("name"),
        label=_("Category"),
        required=False,
        empty_label=_("all"),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, sent: Mapping[str, Any], *, today: date) -> None:
        # Days without a choice are the choice of these days.
        chosen = OTHER if {"since", "until"} & {name for name in sent if sent[name]} else USUAL
        usual = _period_of(USUAL, today)
        super().__init__(
            {
                "period": sent.get("period") or chosen,
                "since": sent.get("since") or usual.since.isoformat(),
                "until": sent.get("until") or usual.until.isoformat(),
                "category": sent.get("category"),
            }
        )
        self.today = today

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if cleaned.get("period") != OTHER or since is None or until is None:
            return cleaned
        if since > until:
            self.add_error("until", _("It ends before it begins."))
        elif until > self.today:
            self.add_error("until", _("This day has not come yet."))
        elif since < EARLIEST:
            self.add_error("since", _("A day is of the year 2000 or later."))
        elif (until - since).days >= DAYS_MAX:
            self.add_error("since", _now("At most %(days)s days at once.") % {"days": DAYS_MAX})
        return cleaned

    def chosen(self) -> tuple[Period, Category | None]:
        """The period and category that were chosen; the usual ones where that makes no sense."""
        if not self.is_valid():
            return _period_of(USUAL, self.today), None
        category = self.cleaned_data["category"]
        choice = self.cleaned_data["period"]
        if choice == OTHER:
            days = self.cleaned_data["since"], self.cleaned_data["until"]
            return Period(*days, self.today), category
        return _period_of(choice, self.today), category


def _period_of(choice: str, today: date) -> Period:
    if choice == TODAY:
        return Period(today, today, today)
    return Period(today - timedelta(int(choice)), today - timedelta(1), today)
