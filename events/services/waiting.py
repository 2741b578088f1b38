"""What waits to be told, for who watches the relay."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, QuerySet

from events.models import Delivery, Endpoint, Event, Outgoing

COUNTED_MAX = 10_000
"""So many are counted; more are told as this many."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait, and since when the oldest does; None when none does."""

    number: int
    since: datetime | None


def waiting_for_a_place() -> Waiting:
    """Events that are committed, and not in the log: where a relay runs, of the last moment."""
    outgoing = Outgoing.objects.order_by("pk")
    return Waiting(_count(outgoing), outgoing.values_list("occurred_at", flat=True).first())


def waiting_for_delivery() -> Waiting:
    """What endpoints are still to be told, and events that the relay has not looked at for them.

    Not of endpoints that are switched off: those wait for staff.
    """
    told = Endpoint.objects.told()
    pending = Delivery.objects.filter(state=Delivery.State.PENDING, endpoint__in=told)
    pending = pending.order_by("pk")
    behind = told.aggregate(position=Min("position"))["position"]
    news = Event.objects.none() if behind is None else Event.objects.filter(pk__gt=behind)
    news = news.order_by("pk")
    moments = [
        moment
        for moment in (
            pending.values_list("event__occurred_at", flat=True).first(),
            news.values_list("occurred_at", flat=True).first(),
        )
        if moment is not None
    ]
    number = min(_count(pending) + _count(news), COUNTED_MAX)
    return Waiting(number, min(moments, default=None))


def _count(rows: QuerySet[Outgoing] | QuerySet[Delivery] | QuerySet[Event]) -> int:
    return rows[:COUNTED_MAX].count()
