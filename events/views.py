"""The feed of events over HTTP, for staff."""

from typing import ClassVar

from rest_framework.permissions import BasePermission, IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.operations import operation
from common.api.serializers import represent
from common.api.views import ApiViewSet
from events.errors import EventsGone
from events.serializers import EventSerializer, FeedQuery, FeedSerializer
from events.services import read_log

EXAMPLE = {
    "after": 1_204,
    "results": [
        {
            "id": "EVT-7Q2M8XK4T0V9B3CD",
            "type": "coupon.sold_out",
            "timestamp": "2026-11-23T10:00:01.123456+09:00",
            "about": "coupon:3",
            "data": {
                "coupon": 3,
                "name": "선착순 30명 10% 할인",
                "total_quantity": 30,
                "issue_ends_at": "2026-11-24T10:00:00+09:00",
            },
        }
    ],
}


class EventViewSet(ApiViewSet):
    """What happened, oldest first, for staff."""

    # Of no token that this app knows of; the paths of the shop name who may.
    permission_classes: ClassVar[list[type[BasePermission]]] = [IsAdminUser]  # type: ignore[misc]
    staff_permission = "events.view_event"
    query_serializers = {"feed": FeedQuery}
    domain_errors = {"feed": (EventsGone,)}

    @operation(
        *("events", "What happened, oldest first"),
        tag="events",
        of=FeedSerializer,
        answered={"One event": EXAMPLE},
    )
    def feed(self, request: Request) -> Response:
        """The events after the one that `after` names, for staff who may view events.

        Remember the answer's `after` together with what you did about its events, and ask with it
        again: no event is ever put before one that you saw. Events are kept while somebody
        listens, for `EVENTS_DAYS`; who comes too late is told so (`events_gone`).
        """
        query = self.read_query()
        events = read_log(after=query["after"], most=query["page_size"])
        after = events[-1].pk if events else query["after"]
        results = [represent(EventSerializer, event) for event in events]
        return Response({"after": after, "results": results})
