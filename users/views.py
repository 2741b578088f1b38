"""Sign-up, tokens, the member and the member's wallet over HTTP."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from ecommerce.common.errors import NotSignedIn
from ecommerce.common.idempotency import IdempotencyKeyReused
from ecommerce.common.idempotency_header import mark_replayed, read_idempotency_key
from ecommerce.common.serializers import represent
from ecommerce.common.views import ApiViewSet
from users import services
from users.errors import BalanceLimitExceeded, RefreshTokenRefused, UsernameTaken, WrongCredentials
from users.models import User, Wallet, WalletTransaction
from users.serializers import (
    BalanceSerializer,
    ChargeSerializer,
    CredentialsSerializer,
    MemberSerializer,
    RefreshSerializer,
    SignedUpSerializer,
    SignUpSerializer,
    TokenPairSerializer,
    WalletTransactionSerializer,
)

SIGNED_UP = {"id": 7, "username": "minji", "email": "minji@example.com"}
CREDENTIALS = {"username": "minji", "password": "correct horse battery"}
TOKENS = {"access": "eyJhbGciOiJIUzI1NiIs…", "refresh": "eyJhbGciOiJIUzI1NiIs…"}
ENTRY = {
    "id": 31,
    "kind": "charge",
    "amount": 50_000,
    "balance_after": 50_000,
    "reference": "CHG-7K3M9QXZ2B4D5F6G",
    "created_at": "2026-11-23T10:00:00.123456+09:00",
}


class AuthViewSet(ApiViewSet):
    """Accounts and tokens, for anyone."""

    permission_classes = [AllowAny]
    authentication_classes = []
    request_serializers = {
        "signup": SignUpSerializer,
        "token": CredentialsSerializer,
        "refresh": RefreshSerializer,
        "revoke": RefreshSerializer,
    }
    domain_errors = {
        "signup": (UsernameTaken,),
        "token": (WrongCredentials,),
        "refresh": (RefreshTokenRefused,),
        "revoke": (RefreshTokenRefused,),
    }

    @extend_schema(
        tags=["auth"],
        summary="Sign up",
        operation_id="auth_signup",
        responses={201: SignedUpSerializer},
        examples=[
            OpenApiExample(
                "Sign up", {**CREDENTIALS, "email": "minji@example.com"}, request_only=True
            ),
            OpenApiExample("Signed up", SIGNED_UP, response_only=True, status_codes=["201"]),
        ],
    )
    def signup(self, request: Request) -> Response:
        user = services.sign_up(**self.read_body())
        return Response(represent(SignedUpSerializer, user), status=status.HTTP_201_CREATED)

    @extend_schema(
        tags=["auth"],
        summary="Sign in: a name and password for an access and a refresh token",
        operation_id="auth_token",
        responses={200: TokenPairSerializer},
        examples=[
            OpenApiExample("Sign in", CREDENTIALS, request_only=True),
            OpenApiExample("Tokens", TOKENS, response_only=True, status_codes=["200"]),
        ],
    )
    def token(self, request: Request) -> Response:
        pair = services.sign_in(**self.read_body())
        return Response(represent(TokenPairSerializer, pair))

    @extend_schema(
        tags=["auth"],
        summary="Use up a refresh token for a new pair",
        operation_id="auth_token_refresh",
        responses={200: TokenPairSerializer},
        examples=[
            OpenApiExample("Refresh", {"refresh": TOKENS["refresh"]}, request_only=True),
            OpenApiExample("Tokens", TOKENS, response_only=True, status_codes=["200"]),
        ],
    )
    def refresh(self, request: Request) -> Response:
        """Each refresh token works once: of two simultaneous uses, one is refused."""
        pair = services.rotate_refresh_token(**self.read_body())
        return Response(represent(TokenPairSerializer, pair))

    @extend_schema(
        tags=["auth"],
        summary="Sign out: make a refresh token useless",
        operation_id="auth_token_revoke",
        responses={
            200: OpenApiResponse({"type": "object", "maxProperties": 0}, description="Revoked.")
        },
        examples=[
            OpenApiExample("Revoke", {"refresh": TOKENS["refresh"]}, request_only=True),
            OpenApiExample("Revoked", {}, response_only=True, status_codes=["200"]),
        ],
    )
    def revoke(self, request: Request) -> Response:
        services.revoke_refresh_token(**self.read_body())
        return Response({})


class MeViewSet(ApiViewSet):
    """The signed-in member."""

    domain_errors = {"retrieve": (NotSignedIn,)}

    @extend_schema(
        tags=["users"],
        summary="Who am I",
        operation_id="users_me",
        responses={200: MemberSerializer},
        examples=[
            OpenApiExample(
                "Member",
                {**SIGNED_UP, "date_joined": "2026-11-23T09:00:00.123456+09:00"},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def retrieve(self, request: Request) -> Response:
        user = User.objects.filter(pk=self.member_id).first()
        if user is None:
            raise NotSignedIn
        return Response(represent(MemberSerializer, user))


class BalanceViewSet(ApiViewSet):
    """The signed-in member's balance."""

    request_serializers = {"charge": ChargeSerializer}
    domain_errors = {
        "charge": (NotSignedIn, BalanceLimitExceeded, IdempotencyKeyReused),
    }

    @extend_schema(
        tags=["users"],
        summary="My balance",
        operation_id="users_me_balance",
        responses={200: BalanceSerializer},
        examples=[
            OpenApiExample(
                "Balance",
                {"balance": 50_000, "currency": "KRW", "updated_at": ENTRY["created_at"]},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def retrieve(self, request: Request) -> Response:
        wallet = Wallet.objects.of_member(self.member_id)
        body: dict[str, Any] = {
            "balance": wallet.balance,
            "currency": settings.CURRENCY,
            "updated_at": wallet.updated_at,
        }
        return Response(represent(BalanceSerializer, body))

    @extend_schema(
        tags=["users"],
        summary="Charge my balance",
        operation_id="users_me_balance_charge",
        responses={201: WalletTransactionSerializer},
        examples=[
            OpenApiExample("Charge 50,000 won", {"amount": 50_000}, request_only=True),
            OpenApiExample("Charged", ENTRY, response_only=True, status_codes=["201"]),
        ],
    )
    def charge(self, request: Request) -> Response:
        """With an `Idempotency-Key` it may be sent again after an answer that did not come."""
        body = self.read_body()
        key = read_idempotency_key(request, body)
        outcome = services.charge_wallet(user_id=self.member_id, idempotency=key, **body)
        data = represent(WalletTransactionSerializer, outcome.value)
        return mark_replayed(Response(data, status=status.HTTP_201_CREATED), outcome)


class LedgerViewSet(ApiViewSet):
    """The signed-in member's ledger."""

    serializer_class = WalletTransactionSerializer
    queryset = WalletTransaction.objects.none()

    def get_queryset(self) -> QuerySet[WalletTransaction]:
        return WalletTransaction.objects.filter(wallet__user=self.member_id).order_by("-id")

    @extend_schema(
        tags=["users"],
        summary="My ledger, newest first",
        operation_id="users_me_balance_transactions",
        examples=[OpenApiExample("Entry", ENTRY, response_only=True, status_codes=["200"])],
    )
    def list(self, request: Request) -> Response:
        return self.list_page()
