"""The best sellers over HTTP, for anyone."""

from datetime import datetime, time, timedelta

from django.utils import timezone
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.operations import operation
from common.api.serializers import represent
from common.api.views import ApiViewSet
from common.sources import changes_at
from stats.errors import UnknownCategory
from stats.serializers import TopProductsQuery, TopProductsSerializer
from stats.services import best_sellers

TOP_1 = {
    "since": "2026-11-21",
    "until": "2026-11-23",
    "results": [
        {
            "rank": 1,
            "product": {"id": 11, "name": "스테인리스 텀블러 500ml", "price": 18_900},
            "quantity": 214,
            "revenue": 4_044_600,
        }
    ],
}


class TopProductsViewSet(ApiViewSet):
    """The best sellers of the last days."""

    permission_classes = [AllowAny]
    query_serializers = {"retrieve": TopProductsQuery}
    domain_errors = {"retrieve": (UnknownCategory,)}

    @operation(
        *("stats_top_products", "The best sellers of the last days"),
        tag="stats",
        of=TopProductsSerializer,
        answered={"Top 1": TOP_1},
    )
    def retrieve(self, request: Request) -> Response:
        """Most pieces first, then by revenue. It may hear of a sale a second late."""
        query = self.read_query()
        now = timezone.localtime()
        until = now.date()
        changes_at(datetime.combine(until + timedelta(days=1), time.min, now.tzinfo))
        since = until - timedelta(days=query["days"] - 1)
        best = best_sellers(
            since=since, until=until, limit=query["limit"], category=query.get("category")
        )
        ranked = [{"rank": rank, **row} for rank, row in enumerate(best, start=1)]
        body = {"since": since, "until": until, "results": ranked}
        return Response(represent(TopProductsSerializer, body))
