"""JSON Web Tokens: the only place, with `users.authentication`, that knows simplejwt."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import uuid4

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, Token

from common.db.fields import DB_IDS
from users.access import Access
from users.errors import RefreshTokenRefused
from users.models import Session

ALGORITHM = "HS256"
CLOCK_SKEW = timedelta(seconds=30)
"""How far ahead the clock may be of who made a token (`iat`, `nbf`). No token lives longer."""
BEGAN_AFTER = "began_after"
SESSION = "session"
MALFORMED = (TokenError, TokenBackendError, ValueError, TypeError, OverflowError, RecursionError)
"""What simplejwt and PyJWT raise, between them, of what is no token of ours."""


TOKENS_KEPT = 4_096
"""How many access tokens a process remembers to be signed by us: some kilobytes each at most."""


def keys() -> tuple[str, ...]:
    """The keys that tokens may be signed with; new ones are signed with the first."""
    return settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS


class KeyRing(TokenBackend):
    """Signs with the secret key; reads what that or one of its predecessors signed.

    Expiry is simplejwt's to check, to the second; PyJWT checks the other times, with `CLOCK_SKEW`.
    """

    def __init__(self) -> None:
        super().__init__(ALGORITHM)

    def encode(self, payload: dict[str, Any]) -> str:
        return jwt.encode(payload, _prepared(settings.SECRET_KEY), algorithm=ALGORITHM)

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        for key in keys():
            try:
                return jwt.decode(
                    token,
                    _prepared(key),
                    algorithms=[ALGORITHM],
                    leeway=CLOCK_SKEW,
                    options={"verify_aud": False},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidTokenError as error:
                raise TokenBackendError(str(error)) from error
        raise TokenBackendError("signed with another key")


@lru_cache(maxsize=8)
def _prepared(key: str) -> Any:
    return jwt.PyJWS().get_algorithm_by_name(ALGORITHM).prepare_key(key)


KEY_RING = KeyRing()


class MemberAccessToken(AccessToken):
    """An access token, its signature checked with every key that is good."""

    _token_backend = KEY_RING


@lru_cache(maxsize=TOKENS_KEPT)
def read_access_token(raw: bytes, *keys: str) -> MemberAccessToken:
    """The access token that one of `keys()` signed, remembered: it may have expired since.

    Raises:
        TokenError, TokenBackendError, …: one of `MALFORMED`.
    """
    return MemberAccessToken(raw)  # type: ignore[arg-type]


class SessionRefreshToken(Token):
    """A refresh token. What it is good for, the row of its session says."""

    token_type = "refresh"  # noqa: S105  no secret
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME
    _token_backend = KEY_RING


def member_of(token: Token) -> int:
    """The id of the member that a token names. Raises ValueError, KeyError or TypeError if none."""
    member_id = int(token[api_settings.USER_ID_CLAIM])
    if member_id not in DB_IDS:
        raise ValueError("no id of a member")
    return member_id


def access_of(token: Token) -> Access:
    """What an access token says about its session. Raises ValueError or TypeError if nonsense."""
    began_after = token.get(BEGAN_AFTER)
    return Access(
        issued_at=int(token.get("iat", 0)),
        began_after=None if began_after is None else int(began_after),
    )


# --- Refresh tokens -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token for the next minutes, and the refresh token that buys one new pair."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token says that we signed and that has not expired."""

    token_hash: str
    session_id: int | None
    """None in a token from before there were sessions: its hash finds its row."""


def new_jti() -> str:
    """What tells a refresh token from all others."""
    return uuid4().hex


def hash_of(jti: object) -> str:
    """What is stored of a refresh token."""
    return sha256(str(jti).encode(errors="replace")).hexdigest()


def new_pair(session: Session, jti: str) -> TokenPair:
    """The tokens of a session that is stored, with the hash of this `jti`."""
    access, refresh = MemberAccessToken(), SessionRefreshToken()
    expires_at = min(session.used_at + refresh.lifetime, session.expires_at)
    refresh.set_exp(from_time=expires_at, lifetime=timedelta())
    refresh[api_settings.JTI_CLAIM] = jti
    refresh[SESSION] = session.pk
    for token in (access, refresh):
        token[api_settings.USER_ID_CLAIM] = str(session.user_id)
    access[BEGAN_AFTER] = session.began_after
    return TokenPair(access=str(access), refresh=str(refresh))


def read_refresh_token(refresh: str) -> RefreshClaims:
    """What a refresh token says.

    Raises:
        RefreshTokenRefused: we did not sign it, or it has expired.
    """
    try:
        token = SessionRefreshToken(refresh)  # type: ignore[arg-type]  # it takes the text
        session_id = token.get(SESSION)
        return RefreshClaims(
            token_hash=hash_of(token[api_settings.JTI_CLAIM]),
            session_id=None if session_id is None else int(session_id),
        )
    except MALFORMED as error:
        raise RefreshTokenRefused from error
