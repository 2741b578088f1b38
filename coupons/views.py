"""Campaigns for anyone, coupons for members, over HTTP."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.operations import operation
from common.api.serializers import NoFields, answering, represent
from common.api.views import ApiViewSet
from common.errors import NotSignedIn
from common.http.deferred import answer_later
from coupons import services
from coupons.errors import CouponAlreadyIssued, CouponNotOpen, CouponSoldOut
from coupons.filters import CouponFilter, IssuedCouponFilter
from coupons.models import Coupon, IssuedCoupon
from coupons.serializers import CouponSerializer, IssuedCouponSerializer
from users.authentication import access_of
from users.errors import SessionEnded

COUPON = {
    "Coupon": {
        "id": 3,
        "name": "선착순 30명 10% 할인",
        "discount_type": "percent",
        "discount_value": 10,
        "max_discount": 5_000,
        "min_order_amount": 20_000,
        "total_quantity": 30,
        "issued_quantity": 12,
        "remaining_quantity": 18,
        "issue_starts_at": "2026-11-23T10:00:00+09:00",
        "issue_ends_at": "2026-11-24T10:00:00+09:00",
        "is_open": True,
    }
}
ISSUED = {
    "id": 41,
    "coupon": 3,
    "issue_number": 13,
    "status": "usable",
    "issued_at": "2026-11-23T10:00:00.123456+09:00",
    "expires_at": "2026-11-30T10:00:00.123456+09:00",
    "used_at": None,
}


_issued = answering(IssuedCouponSerializer, status.HTTP_201_CREATED)


class CouponViewSet(ApiViewSet):
    """Campaigns, and the button that everybody presses."""

    serializer_class = CouponSerializer
    filterset_class = CouponFilter
    queryset = Coupon.objects.order_by("-id")
    request_serializers = {"issue": NoFields}
    domain_errors = {
        "issue": (NotSignedIn, SessionEnded, CouponNotOpen, CouponAlreadyIssued, CouponSoldOut)
    }

    def get_permissions(self) -> list[BasePermission]:
        return [IsAuthenticated() if self.action == "issue" else AllowAny()]

    @operation("coupons", "Campaigns, newest first", tag="coupons", answered=COUPON)
    def list(self, request: Request) -> Response:
        """With `is_open=true` those that issue now, sold out or not."""
        return self.list_page()

    @operation("coupon", "One campaign", tag="coupons", answered=COUPON)
    def retrieve(self, request: Request, pk: str) -> Response:
        """What it promises, when it opens, and how many are left at this moment."""
        return Response(represent(CouponSerializer, get_object_or_404(Coupon, pk=pk)))

    @operation(
        *("coupon_issue", "Get a coupon: first come, first served, one per member"),
        tag="coupons",
        of=IssuedCouponSerializer,
        status=201,
        answered={"Issued": ISSUED},
    )
    def issue(self, request: Request, pk: str) -> Response:
        """Coupons leave in the order of arrival, one per member, as many as the campaign has.

        The answer's `issue_number` is your place. After a `503` press again: nobody gets
        two. A member who has one may hear either `coupon_already_issued`, with its `id`, or, once
        all are gone, `coupon_sold_out`. Before the opening `coupon_not_open` has a `Retry-After`.
        """
        self.read_body()
        future = services.enqueue_issue(
            coupon_id=int(pk), user_id=self.member_id, access=access_of(request)
        )
        return answer_later(request, future, _issued)


class MyCouponViewSet(ApiViewSet):
    """The signed-in member's coupons."""

    serializer_class = IssuedCouponSerializer
    filterset_class = IssuedCouponFilter
    queryset = IssuedCoupon.objects.none()

    def get_queryset(self) -> QuerySet[IssuedCoupon]:
        return IssuedCoupon.objects.filter(user=self.member_id).order_by("-id")

    @operation(
        "users_me_coupons", "My coupons, newest first", tag="coupons", answered={"Mine": ISSUED}
    )
    def list(self, request: Request) -> Response:
        """An order takes one of these by its `id`, while its `status` is `usable`."""
        return self.list_page()
