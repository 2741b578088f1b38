"""The page on which staff watch one campaign while it is issued."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Max, Min
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common.admin.lists import ShopModelAdmin
from common.admin.once import only_shows
from common.admin.pages import object_action
from coupons.models import Coupon, IssuedCoupon
from coupons.sales import boundaries, issued_between, issued_by, whole_sale, with_progress

STEP = timedelta(seconds=5)
STEPS = 60
"""How many steps back the page draws."""
LAST_SHOWN = 10
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class LiveSale(ShopModelAdmin):
    """A campaign's page that refreshes itself, and the figures that it asks for."""

    def get_urls(self) -> list[URLPattern]:
        figures = path(
            "<path:object_id>/live/figures/",
            self.admin_site.admin_view(self.live_figures),
            name="coupons_coupon_live_figures",
        )
        return [figures, *super().get_urls()]

    @object_action(description=_("Live sale"), icon="sensors", permission="view")
    @only_shows
    def live(self, request: HttpRequest, object_id: str) -> HttpResponse:
        coupon = self.get_object(request, unquote(object_id))
        if coupon is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": coupon,
            "title": _("Live sale"),
            "subtitle": coupon.name,
            "change_url": reverse("admin:coupons_coupon_change", args=[quote(coupon.pk)]),
            "figures_url": reverse("admin:coupons_coupon_live_figures", args=[quote(coupon.pk)]),
            "issued_url": (
                reverse("admin:coupons_issuedcoupon_changelist") + f"?coupon__id__exact={coupon.pk}"
            ),
            "may_see_issued": _may_see_issued(request),
            "last_shown": LAST_SHOWN,
        }
        return TemplateResponse(request, "admin/coupons/coupon/live.html", context)

    @only_shows
    def live_figures(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """What the page shows, as of now. Three queries at most, whatever has been issued."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        coupon_id = unquote(object_id)
        if not (coupon_id.isascii() and coupon_id.isdigit() and len(coupon_id) <= 18):
            raise Http404
        now = timezone.now()
        steps = boundaries(now, step=STEP, count=STEPS)
        moments = [*steps, now - timedelta(minutes=1), now - timedelta(seconds=10)]
        coupon = with_progress(Coupon.objects.filter(pk=coupon_id), moments).first()
        if coupon is None:
            raise Http404
        *by_step, minute_ago, ten_seconds_ago = issued_by(coupon, len(moments))
        figures = {
            "state": _state(coupon, now),
            "total": coupon.total_quantity,
            "issued": coupon.issued_quantity,
            "remaining": coupon.remaining_quantity,
            "per_minute": max(0, coupon.issued_quantity - minute_ago),
            "per_second": max(0, coupon.issued_quantity - ten_seconds_ago) / 10,
            **_drawn(coupon, now, steps, by_step),
            "at": f"{timezone.localtime(now):%H:%M:%S}",
        }
        if _may_see_issued(request):
            figures["last"] = _last_issued(coupon)
        return JsonResponse(figures)


def _drawn(coupon: Any, now: datetime, steps: list[datetime], by_step: list[int]) -> dict[str, Any]:
    """The last minutes; of a sale that is over, and by then issues nothing, all of it."""
    step, numbers, note = STEP, by_step, ""
    is_over = now >= coupon.issue_ends_at or coupon.remaining_quantity <= 0
    if is_over and coupon.issued_quantity and coupon.issued_quantity == by_step[0]:
        ends = IssuedCoupon.objects.filter(
            coupon=coupon, issue_number__in=(1, coupon.issued_quantity)
        ).aggregate(first=Min("issued_at"), last=Max("issued_at"))
        # Its window may have been changed since.
        opened = min(coupon.issue_starts_at, ends["first"])
        steps, step = whole_sale(opened, ends["last"], count=STEPS)
        progress = with_progress(Coupon.objects.filter(pk=coupon.pk), steps, of=coupon.pk)
        numbers = issued_by(progress.get(), len(steps))
        note = _now("The whole sale, from its opening to its last coupon.")
    pattern = _label_pattern(steps, step)
    return {
        "heading": _per_step(step),
        "note": note,
        "steps": issued_between(numbers),
        "labels": [date_format(timezone.localtime(moment), pattern) for moment in steps[:-1]],
    }


def _label_pattern(steps: list[datetime], step: timedelta) -> str:
    """How the beginning of a step is written: no finer than needed to tell them apart."""
    if step >= DAY:
        return "MONTH_DAY_FORMAT"
    if steps[-1] - steps[0] > DAY:
        return "DATETIME_FORMAT"
    return "H:i" if step >= MINUTE else "H:i:s"


def _per_step(step: timedelta) -> str:
    seconds = int(step.total_seconds())
    if step >= DAY:
        return ngettext("Issued per day", "Issued per %(count)s days", step.days) % {
            "count": step.days
        }
    if step >= HOUR:
        hours = seconds // 3_600
        return ngettext("Issued per hour", "Issued per %(count)s hours", hours) % {"count": hours}
    if step >= MINUTE:
        minutes = seconds // 60
        return ngettext("Issued per minute", "Issued per %(count)s minutes", minutes) % {
            "count": minutes
        }
    return ngettext("Issued per second", "Issued per %(count)s seconds", seconds) % {
        "count": seconds
    }


def _may_see_issued(request: HttpRequest) -> bool:
    return request.user.has_perm("coupons.view_issuedcoupon")


def _state(coupon: Coupon, now: datetime) -> dict[str, str]:
    """What the sale is at, as a word for the page's colours and one for people."""
    if now < coupon.issue_starts_at:
        return {"name": "upcoming", "label": _now("upcoming")}
    if now >= coupon.issue_ends_at:
        return {"name": "ended", "label": _now("ended")}
    if coupon.remaining_quantity <= 0:
        return {"name": "sold_out", "label": _now("sold out")}
    return {"name": "open", "label": _now("open")}


def _when(moment: datetime) -> str:
    """To the second, of what is going on; older ones as everywhere."""
    is_of_today = moment.date() == timezone.localdate()
    return f"{moment:%H:%M:%S}" if is_of_today else date_format(moment, "DATETIME_FORMAT")


def _last_issued(coupon: Coupon) -> list[dict[str, Any]]:
    rows = (
        IssuedCoupon.objects.filter(coupon=coupon)
        .order_by("-issue_number")
        .values_list("issue_number", "user__username", "issued_at")
    )
    return [
        {
            "number": number,
            "member": member,
            "at": _when(timezone.localtime(issued_at)),
        }
        for number, member, issued_at in rows[:LAST_SHOWN]
    ]
