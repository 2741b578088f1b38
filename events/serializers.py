"""Events on the wire."""

import json
from typing import Any

from rest_framework import serializers

from common.api.serializers import StrictSerializer, WholeNumberField
from events.models import Event, Kind

PAGE_MAX = 100


class FeedQuery(StrictSerializer):
    after = WholeNumberField(
        default=0,
        min_value=0,
        max_value=2**63 - 1,
        help_text="The `after` of the answer before; 0 begins with the oldest event there is.",
    )
    page_size = WholeNumberField(
        default=PAGE_MAX, min_value=1, max_value=PAGE_MAX, help_text="At most so many events."
    )


class EventSerializer(serializers.ModelSerializer[Event]):
    id = serializers.CharField(
        source="number", read_only=True, help_text="The same as the header `webhook-id`."
    )
    type = serializers.CharField(
        source="kind",
        read_only=True,
        help_text=f"Today one of {', '.join(Kind.values)}. Pass over one that you don't know.",
    )
    timestamp = serializers.DateTimeField(source="occurred_at", read_only=True)
    about = serializers.CharField(
        read_only=True, help_text="What the event is about: its events come in their order."
    )
    data = serializers.SerializerMethodField(  # type: ignore[assignment]  # DRF tells them apart
        help_text="What happened, by the type."
    )

    class Meta:
        model = Event
        fields = ["id", "type", "timestamp", "about", "data"]
        read_only_fields = fields

    def get_data(self, event: Event) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(event.data)
        return data


class FeedSerializer(serializers.Serializer[Any]):
    after = serializers.IntegerField(help_text="Where to go on, now or later.")
    results = EventSerializer(many=True)
