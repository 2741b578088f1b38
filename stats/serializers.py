"""The best sellers on the wire."""

from typing import Any

from rest_framework import serializers

from common.api.serializers import StrictSerializer, TextField, WholeNumberField
from products.models import SLUG_MAX_LENGTH
from stats.services import BEST_SELLERS_MAX


class TopProductsQuery(StrictSerializer):
    days = WholeNumberField(
        default=3, min_value=1, max_value=30, help_text="Days to look back, today included."
    )
    limit = WholeNumberField(default=5, min_value=1, max_value=BEST_SELLERS_MAX)
    category = TextField(required=False, max_length=SLUG_MAX_LENGTH, help_text="A category's slug.")


class RankedProductSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="product_id")
    name = serializers.CharField(source="product__name")
    price = serializers.IntegerField(source="product__price", help_text="Won.")


class RankSerializer(serializers.Serializer[Any]):
    rank = serializers.IntegerField()
    product = RankedProductSerializer(source="*")
    quantity = serializers.IntegerField(source="total_quantity", help_text="Pieces sold.")
    revenue = serializers.IntegerField(
        source="total_revenue", help_text="Won, before discounts on whole orders."
    )


class TopProductsSerializer(serializers.Serializer[Any]):
    since = serializers.DateField(help_text="First day counted, in Asia/Seoul.")
    until = serializers.DateField(help_text="Last day counted: today, in Asia/Seoul.")
    results = RankSerializer(many=True)
