"""A member's orders over HTTP."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.idempotency_header import mark_replayed, read_idempotency_key
from common.api.operations import operation
from common.api.serializers import NoFields, answering, represent
from common.api.views import ApiViewSet
from common.db.idempotency import IdempotencyKeyReused, Outcome
from common.errors import NotSignedIn
from common.http.deferred import answer_later
from coupons.errors import CouponNotUsable
from orders import services
from orders.errors import OrderNotCancellable
from orders.filters import OrderFilter
from orders.models import Order
from orders.serializers import OrderSerializer, PlaceOrderSerializer
from products.errors import OutOfStock
from users.authentication import access_of
from users.errors import BalanceLimitExceeded, InsufficientBalance, SessionEnded

ORDER = {
    "id": 5,
    "number": "ORD-7K3M9QXZ2B4D5F6G",
    "status": "paid",
    "items": [
        {
            "product": 11,
            "product_name": "스테인리스 텀블러 500ml",
            "unit_price": 18_900,
            "quantity": 2,
            "line_total": 37_800,
        }
    ],
    "subtotal": 37_800,
    "discount": 3_780,
    "total": 34_020,
    "coupon": 41,
    "created_at": "2026-11-23T10:05:00.123456+09:00",
    "cancelled_at": None,
}
CANCELLED = {
    **ORDER,
    "status": "cancelled",
    "cancelled_at": "2026-11-23T10:09:00.123456+09:00",
}


class OrderViewSet(ApiViewSet):
    """The signed-in member's orders."""

    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    queryset = Order.objects.none()
    request_serializers = {"create": PlaceOrderSerializer, "cancel": NoFields}
    domain_errors = {
        "create": (
            NotSignedIn,
            SessionEnded,
            IdempotencyKeyReused,
            CouponNotUsable,
            OutOfStock,
            InsufficientBalance,
        ),
        "cancel": (NotSignedIn, SessionEnded, OrderNotCancellable, BalanceLimitExceeded),
    }

    def get_queryset(self) -> QuerySet[Order]:
        return Order.objects.filter(user=self.member_id).with_items().order_by("-id")

    @operation("orders", "My orders, newest first", tag="orders", answered={"Order": ORDER})
    def list(self, request: Request) -> Response:
        """Those of the member who asks; `since` and `until` are days of the shop, both included."""
        return self.list_page()

    @operation("order", "One of my orders", tag="orders", answered={"Order": ORDER})
    def retrieve(self, request: Request, pk: str) -> Response:
        """Another member's order is answered as one that does not exist."""
        return Response(represent(OrderSerializer, get_object_or_404(self.get_queryset(), pk=pk)))

    @operation(
        *("order_place", "Place an order, paid from my balance"),
        tag="orders",
        of=OrderSerializer,
        status=201,
        sent={
            "Two pieces with a coupon": {"items": [{"product": 11, "quantity": 2}], "coupon": 41}
        },
        answered={"Placed": ORDER},
    )
    def create(self, request: Request) -> Response:
        """All of it is priced, taken from stock and paid together, or nothing is.

        Lines of one product are added together before stock and money are checked. Of several
        reasons to refuse, the first wins: products, coupon, stock, money. Send an
        `Idempotency-Key`, and you may send the order again after an answer that did not come.
        """
        body = self.read_body()
        draft = services.OrderDraft(
            user_id=self.member_id,
            lines=tuple(
                services.DraftLine(line["product"], line["quantity"]) for line in body["items"]
            ),
            coupon_id=body["coupon"],
            idempotency=read_idempotency_key(request, body),
            access=access_of(request),
        )
        return answer_later(request, services.enqueue_order(draft), _placed)

    @operation(
        *("order_cancel", "Cancel one of my orders: money, stock and coupon go back"),
        tag="orders",
        of=OrderSerializer,
        answered={"Cancelled": CANCELLED},
    )
    def cancel(self, request: Request, pk: str) -> Response:
        """It works once, and only for a paid order; the coupon keeps its expiry."""
        self.read_body()
        future = services.enqueue_cancellation(
            order_id=int(pk), user_id=self.member_id, access=access_of(request)
        )
        return answer_later(request, future, answering(OrderSerializer))


def _placed(outcome: Outcome[Order]) -> Response:
    data = represent(OrderSerializer, outcome.value)
    return mark_replayed(Response(data, status=status.HTTP_201_CREATED), outcome)
