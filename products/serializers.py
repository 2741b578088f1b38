"""Products and categories on the wire."""

from rest_framework import serializers

from products.models import DESCRIPTIVE, Category, Product


class CategorySerializer(serializers.ModelSerializer[Category]):
    slug = serializers.CharField(read_only=True)  # letters of any script, not of ASCII only

    class Meta:
        model = Category
        fields = ["id", "name", "slug"]
        read_only_fields = fields


class ProductSerializer(serializers.ModelSerializer[Product]):
    category = CategorySerializer(read_only=True, allow_null=True)

    class Meta:
        model = Product
        fields = ["id", *DESCRIPTIVE[:-1], "stock", "created_at"]
        read_only_fields = fields
        extra_kwargs = {"price": {"help_text": "Won."}}
