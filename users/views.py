"""Sign-up, tokens, the member and the member's wallet over HTTP."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.idempotency_header import mark_replayed, read_idempotency_key
from common.api.operations import operation
from common.api.serializers import answering, represent
from common.api.views import ApiViewSet
from common.db.idempotency import IdempotencyKeyReused, Outcome
from common.errors import NotSignedIn
from common.http.client_address import client_address
from common.http.deferred import answer_later, waits_elsewhere
from common.http.request_log import arrival_of
from users import schema, services  # noqa: F401  the first is found by being imported
from users.authentication import access_of
from users.errors import (
    BalanceLimitExceeded,
    RefreshTokenRefused,
    SessionEnded,
    SignInLocked,
    UsernameTaken,
    WrongCredentials,
    WrongPassword,
)
from users.hashing import HashedWork
from users.models import User, Wallet, WalletTransaction
from users.serializers import (
    BalanceSerializer,
    ChargeSerializer,
    CredentialsSerializer,
    EmailSerializer,
    MemberSerializer,
    PasswordChangeSerializer,
    RefreshSerializer,
    RevocationSerializer,
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
BALANCE = {"Balance": {"balance": 50_000, "currency": "KRW", "updated_at": ENTRY["created_at"]}}
MEMBER = {**SIGNED_UP, "date_joined": "2026-11-23T09:00:00.123456+09:00"}

H = TypeVar("H")
T = TypeVar("T")


def answer_after_hashing(
    request: Request, work: HashedWork[H, T], answer: Callable[[T], Response]
) -> Response:
    """Answer with what `work` makes, without holding up a thread while it hashes."""
    if not waits_elsewhere(request):
        return answer(work.run())
    return answer_later(request, work.later(), answer)


_pair_response = answering(TokenPairSerializer)
_member_response = answering(MemberSerializer)
_signed_up = answering(SignedUpSerializer, status.HTTP_201_CREATED)


class AuthViewSet(ApiViewSet):
    """Accounts and tokens, for anyone."""

    permission_classes = [AllowAny]
    authentication_classes = []
    request_serializers = {
        "signup": SignUpSerializer,
        "token": CredentialsSerializer,
        "refresh": RefreshSerializer,
        "revoke": RevocationSerializer,
    }
    domain_errors = {
        "signup": (UsernameTaken,),
        "token": (WrongCredentials, SignInLocked),
        "refresh": (RefreshTokenRefused,),
        "revoke": (RefreshTokenRefused,),
    }

    @operation(
        *("auth_signup", "Sign up"),
        tag="auth",
        of=SignedUpSerializer,
        status=201,
        sent={"Sign up": {**CREDENTIALS, "email": "minji@example.com"}},
        answered={"Signed up": SIGNED_UP},
    )
    def signup(self, request: Request) -> Response:
        """The name must be free, in whatever case or width. Sign in next: `POST auth/token/`."""
        prepared = services.prepare_sign_up(**self.read_body())
        return answer_after_hashing(request, prepared, _signed_up)

    @operation(
        *("auth_token", "Sign in: a name and password for an access and a refresh token"),
        tag="auth",
        of=TokenPairSerializer,
        sent={"Sign in": CREDENTIALS},
        answered={"Tokens": TOKENS},
    )
    def token(self, request: Request) -> Response:
        """The access token lasts ten minutes; the refresh token buys the next pair.

        After several wrong passwords a name is locked for a while, with a `Retry-After`.
        """
        prepared = services.prepare_sign_in(**self.read_body(), address=client_address(request))
        return answer_after_hashing(request, prepared, _pair_response)

    @operation(
        *("auth_token_refresh", "Use up a refresh token for a new pair"),
        tag="auth",
        of=TokenPairSerializer,
        sent={"Refresh": {"refresh": TOKENS["refresh"]}},
        answered={"Tokens": TOKENS},
    )
    def refresh(self, request: Request) -> Response:
        """Each refresh token works once: of two simultaneous uses, one is refused.

        A use of one that was rotated before ends the session.
        """
        body = self.read_body()
        future = services.enqueue_rotation(**body, arrived=arrival_of(request))
        return answer_later(request, future, _pair_response)

    @operation(
        *("auth_token_revoke", "Sign out: end the session of a refresh token, or all of them"),
        tag="auth",
        of=OpenApiResponse({"type": "object", "maxProperties": 0}, description="Revoked."),
        sent={
            "Revoke": {"refresh": TOKENS["refresh"]},
            "Sign out everywhere": {"refresh": TOKENS["refresh"], "everywhere": True},
        },
        answered={"Revoked": {}},
    )
    def revoke(self, request: Request) -> Response:
        """With `everywhere`, access tokens that were made before are refused for all that writes,
        too.
        """
        future = services.enqueue_revocation(**self.read_body())
        return answer_later(request, future, lambda _: Response({}))


class MeViewSet(ApiViewSet):
    """The signed-in member."""

    request_serializers = {"partial_update": EmailSerializer, "password": PasswordChangeSerializer}
    domain_errors = {
        "retrieve": (NotSignedIn,),
        "partial_update": (NotSignedIn, SessionEnded),
        "password": (NotSignedIn, SessionEnded, WrongPassword, SignInLocked),
    }

    @operation(
        "users_me", "Who am I", tag="users", of=MemberSerializer, answered={"Member": MEMBER}
    )
    def retrieve(self, request: Request) -> Response:
        """The member that the access token is of."""
        user = User.objects.filter(pk=self.member_id).first()
        if user is None:
            raise NotSignedIn
        return _member_response(user)

    @operation(
        *("users_me_change", "Change my email address"),
        tag="users",
        of=MemberSerializer,
        sent={"Another address": {"email": SIGNED_UP["email"]}},
        answered={"Member": MEMBER},
    )
    def partial_update(self, request: Request) -> Response:
        """An empty one takes the address away."""
        email = self.read_body().get("email")
        future = services.enqueue_email_change(
            user_id=self.member_id, email=email, access=access_of(request)
        )
        return answer_later(request, future, _member_response)

    @operation(
        *("users_me_password", "Change my password"),
        tag="users",
        of=TokenPairSerializer,
        sent={
            "A new password": {
                "current_password": CREDENTIALS["password"],
                "new_password": "battery staple horse",
            }
        },
        answered={"Tokens": TOKENS},
    )
    def password(self, request: Request) -> Response:
        """Ends every session of the member and begins a new one: use the tokens of the answer."""
        prepared = services.prepare_password_change(
            user_id=self.member_id,
            access=access_of(request),
            address=client_address(request),
            **self.read_body(),
        )
        return answer_after_hashing(request, prepared, _pair_response)


class BalanceViewSet(ApiViewSet):
    """The signed-in member's balance."""

    request_serializers = {"charge": ChargeSerializer}
    domain_errors = {
        "charge": (NotSignedIn, SessionEnded, BalanceLimitExceeded, IdempotencyKeyReused),
    }

    @operation(
        "users_me_balance", "My balance", tag="users", of=BalanceSerializer, answered=BALANCE
    )
    def retrieve(self, request: Request) -> Response:
        """What orders can be paid from. It begins with 0 won."""
        wallet = Wallet.objects.of_member(self.member_id)
        body: dict[str, Any] = {
            "balance": wallet.balance,
            "currency": settings.CURRENCY,
            "updated_at": wallet.updated_at,
        }
        return Response(represent(BalanceSerializer, body))

    @operation(
        *("users_me_balance_charge", "Charge my balance"),
        tag="users",
        of=WalletTransactionSerializer,
        status=201,
        sent={"Charge 50,000 won": {"amount": 50_000}},
        answered={"Charged": ENTRY},
    )
    def charge(self, request: Request) -> Response:
        """With an `Idempotency-Key` it may be sent again after an answer that did not come."""
        body = self.read_body()
        key = read_idempotency_key(request, body)
        future = services.enqueue_charge(
            user_id=self.member_id, idempotency=key, access=access_of(request), **body
        )
        return answer_later(request, future, _charged)


def _charged(outcome: Outcome[WalletTransaction]) -> Response:
    data = represent(WalletTransactionSerializer, outcome.value)
    return mark_replayed(Response(data, status=status.HTTP_201_CREATED), outcome)


class LedgerViewSet(ApiViewSet):
    """The signed-in member's ledger."""

    serializer_class = WalletTransactionSerializer
    queryset = WalletTransaction.objects.none()

    def get_queryset(self) -> QuerySet[WalletTransaction]:
        return WalletTransaction.objects.filter(wallet__user=self.member_id).order_by("-id")

    @operation(
        *("users_me_balance_transactions", "My ledger, newest first"),
        tag="users",
        answered={"Entry": ENTRY},
    )
    def list(self, request: Request) -> Response:
        """Every change of the balance, as it happened: nothing in it is ever changed."""
        return self.list_page()
