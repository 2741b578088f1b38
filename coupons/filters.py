"""The query parameters of the member's coupon list."""

from django_filters import rest_framework as filters

from coupons.models import IssuedCoupon, IssuedCouponQuerySet


class IssuedCouponFilter(filters.FilterSet):  # type: ignore[misc]
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
