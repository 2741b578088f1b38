"""Campaigns and coupons on the wire."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from common.sources import changes_at
from coupons.models import Coupon, IssuedCoupon


class CouponSerializer(serializers.ModelSerializer[Coupon]):
    remaining_quantity = serializers.IntegerField(read_only=True)
    is_open = serializers.BooleanField(
        read_only=True, help_text="Whether coupons are being issued at this time."
    )

    class Meta:
        model = Coupon
        fields = [
            "id",
            "name",
            "discount_type",
            "discount_value",
            "max_discount",
            "min_order_amount",
            "total_quantity",
            "issued_quantity",
            "remaining_quantity",
            "issue_starts_at",
            "issue_ends_at",
            "is_open",
        ]
        read_only_fields = fields

    def to_representation(self, instance: Coupon) -> Any:
        now = timezone.now()
        for moment in (instance.issue_starts_at, instance.issue_ends_at):
            if now < moment:
                changes_at(moment)  # `is_open`
        return super().to_representation(instance)


class IssuedCouponSerializer(serializers.ModelSerializer[IssuedCoupon]):
    coupon = serializers.IntegerField(
        source="coupon_id", read_only=True, help_text="The campaign's id."
    )
    status = serializers.ChoiceField(choices=IssuedCoupon.Status.choices, read_only=True)

    class Meta:
        model = IssuedCoupon
        fields = ["id", "coupon", "issue_number", "status", "issued_at", "expires_at", "used_at"]
        read_only_fields = fields
