"""The query parameters of the lists of campaigns and of a member's coupons."""

from django.utils import timezone
from django_filters import rest_framework as filters

from common.api.filters import StrictFilterSet, YesOrNoFilter
from common.sources import changes_at
from coupons.models import Coupon, CouponQuerySet, IssuedCoupon, IssuedCouponQuerySet


class CouponFilter(StrictFilterSet):
    is_open = YesOrNoFilter(
        method="filter_is_open", help_text="Only campaigns that issue at this time, or do not."
    )

    class Meta:
        model = Coupon
        fields: list[str] = []

    def filter_is_open(self, queryset: CouponQuerySet, name: str, value: str) -> CouponQuerySet:
        now = timezone.now()
        changes = Coupon.objects.next_change(now)
        if changes is not None:
            changes_at(changes)
        return queryset.open_or_not(value == "true", now)


class IssuedCouponFilter(StrictFilterSet):
    status = filters.ChoiceFilter(
        choices=IssuedCoupon.Status.choices,
        method="filter_status",
        help_text="Only coupons with this status.",
    )

    class Meta:
        model = IssuedCoupon
        fields: list[str] = []

    def filter_status(
        self, queryset: IssuedCouponQuerySet, name: str, value: str
    ) -> IssuedCouponQuerySet:
        return queryset.with_status(value)
