"""Orders on the wire."""

from typing import Any

from rest_framework import serializers

from common.api.serializers import BoundedListField, StrictSerializer, WholeNumberField
from orders.models import Order, OrderItem

LINES_MAX = 50
QUANTITY_MAX = 999


class OrderLineSerializer(StrictSerializer):
    product = WholeNumberField(help_text="A product's id.")
    quantity = WholeNumberField(min_value=1, max_value=QUANTITY_MAX)


class PlaceOrderSerializer(StrictSerializer):
    items = BoundedListField(child=OrderLineSerializer(), allow_empty=False, max_length=LINES_MAX)
    coupon = WholeNumberField(
        required=False, allow_null=True, default=None, help_text="The id of one of your coupons."
    )

    extra_error_codes: dict[str, Any] = {
        "items.INDEX.product": ["does_not_exist"],
        "coupon": ["does_not_exist"],
    }


class OrderItemSerializer(serializers.ModelSerializer[OrderItem]):
    product = serializers.IntegerField(source="product_id", read_only=True)

    class Meta:
        model = OrderItem
        fields = ["product", "product_name", "unit_price", "quantity", "line_total"]
        read_only_fields = fields


class OrderSerializer(serializers.ModelSerializer[Order]):
    items = OrderItemSerializer(many=True, read_only=True, source="line_items")
    coupon = serializers.IntegerField(
        source="coupon_id", read_only=True, allow_null=True, help_text="The issued coupon's id."
    )

    class Meta:
        model = Order
        fields = [
            "id",
            "number",
            "status",
            "items",
            "subtotal",
            "discount",
            "total",
            "coupon",
            "created_at",
            "cancelled_at",
        ]
        read_only_fields = fields
