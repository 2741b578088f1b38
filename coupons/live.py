"""The page on which staff watch one campaign while it is issued."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.admin.lists import ShopModelAdmin, object_action
from coupons.models import Coupon, IssuedCoupon
from coupons.sales import boundaries, issued_between, issued_by, with_progress

STEP = timedelta(seconds=5)
STEPS = 60
"""How many steps back the page draws."""
LAST_SHOWN = 10


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
    def live(self, request: HttpRequest, object_id: str) -> HttpResponse:
        coupon = self.get_object(request, unquote(object_id))
        if coupon is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined,no-any-return]
                request, self.opts, object_id
            )
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
            "step_seconds": int(STEP.total_seconds()),
            "last_shown": LAST_SHOWN,
        }
        return TemplateResponse(request, "admin/coupons/coupon/live.html", context)

    def live_figures(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """What the page shows, as of now. Two queries, whatever the campaign has issued."""
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
            "steps": issued_between(by_step),
            "labels": [f"{timezone.localtime(moment):%H:%M:%S}" for moment in steps[:-1]],
            "at": f"{timezone.localtime(now):%H:%M:%S}",
        }
        if _may_see_issued(request):
            figures["last"] = _last_issued(coupon)
        return JsonResponse(figures)


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
            "at": f"{timezone.localtime(issued_at):%H:%M:%S}",
        }
        for number, member, issued_at in rows[:LAST_SHOWN]
    ]
