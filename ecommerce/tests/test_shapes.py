"""Objects are answered as their serializers say, without asking them for each."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from rest_framework import serializers

from common.api.shapes import shape_of
from orders.models import Order, OrderItem
from orders.serializers import OrderSerializer


class Part(serializers.Serializer[Any]):
    name = serializers.CharField(source="named.name")
    count = serializers.IntegerField(default=7)


class Whole(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    secret = serializers.CharField(write_only=True)
    said = serializers.SerializerMethodField()
    when = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=[("a", "A")])
    is_open = serializers.BooleanField()
    part = Part(allow_null=True)
    parts = Part(many=True)

    def get_said(self, row: Any) -> str:
        return f"row {row.id}"


class Backwards(serializers.Serializer[Any]):
    id = serializers.IntegerField()

    def to_representation(self, instance: Any) -> Any:
        return {"di": instance.id}


class Holder(serializers.Serializer[Any]):
    held = Backwards()


NAMED = SimpleNamespace(name=5)
PART = SimpleNamespace(named=NAMED, count="3")
WHOLE = SimpleNamespace(
    id="12",
    secret="no",
    when=datetime(2026, 11, 26, 3, tzinfo=UTC),
    kind="a",
    is_open=True,
    part=PART,
    parts=[PART, PART],
)


@pytest.mark.parametrize(
    ("serializer", "row"),
    [
        (Whole(), WHOLE),
        (Whole(), SimpleNamespace(**{**vars(WHOLE), "part": None, "parts": [], "kind": "other"})),
        (Part(), {"named": {"name": "콩 ☕"}, "count": 1}),
        (Part(), {"named": NAMED}),
        (Part(), SimpleNamespace(named=NAMED)),
        (Part(many=True), [PART, {"named": NAMED}]),
        (Holder(), SimpleNamespace(held=WHOLE)),
        (Backwards(), WHOLE),
    ],
)
def test_it_is_what_the_serializer_says(serializer, row):
    shown = shape_of(serializer)(row)

    said = serializer.to_representation(row)
    assert shown == said
    assert repr(shown) == repr(said)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "Asia/Kathmandu"])
def test_moments_are_of_the_shops_zone(settings, zone):
    settings.TIME_ZONE = zone
    serializer = Whole()

    assert shape_of(serializer)(WHOLE) == serializer.to_representation(WHOLE)


def test_what_is_missing_is_told_as_ever():
    with pytest.raises(AttributeError, match="`Whole`"):
        shape_of(Whole())(SimpleNamespace(id=1))


def test_a_plain_object_does_not_ask_the_serializer():
    order = Order(id=5, number="ORD-1", created_at=datetime(2026, 11, 26, tzinfo=UTC))
    order.line_items = [OrderItem(product_id=1, product_name="컵", quantity=1)]
    show = shape_of(OrderSerializer())

    with patch.object(OrderSerializer, "to_representation", side_effect=AssertionError):
        assert show(order)["items"][0]["product_name"] == "컵"
