"""Bearer tokens."""

from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed as TokenRefused
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import aware_utcnow

from users import tokens
from users.access import Access
from users.tokens import MALFORMED

SCHEME = b"bearer"


class TokenMember(TokenUser):
    """The member that a valid access token names, without a look at the database."""

    @cached_property
    def id(self) -> int:  # type: ignore[override]
        """The member's id; a token carries it as text. Raises ValueError when it cannot be one."""
        return tokens.member_of(self.token)

    @cached_property
    def access(self) -> Access:
        """What the token says about its session. Raises ValueError when that is nonsense."""
        return tokens.access_of(self.token)


class MemberAuthentication(JWTStatelessUserAuthentication):
    """simplejwt's stateless authentication, with errors of one code and one text."""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        try:
            authenticated = super().authenticate(request)
            if authenticated is not None:
                # Claims that are no numbers are refused here.
                member: Any = authenticated[0]
                member.pk, member.access  # noqa: B018
        except (TokenRefused, *MALFORMED) as error:
            raise AuthenticationFailed(
                _("The access token is invalid or expired."), code="token_not_valid"
            ) from error
        return authenticated

    def get_validated_token(self, raw_token: bytes) -> Token:
        """The token of a request; raises TokenError and the like when it is not good (any more).

        A signature is checked once: whether the session goes on, whoever writes asks the database.
        """
        token = tokens.read_access_token(raw_token, *tokens.keys())
        token.check_exp(current_time=aware_utcnow())
        return token

    def get_raw_token(self, header: bytes) -> bytes | None:
        """The token, after a scheme in whatever case (RFC 9110, 11.1)."""
        if not header.isascii():
            raise InvalidToken
        scheme, *rest = header.split(maxsplit=1) or [b""]
        if scheme.lower() != SCHEME:
            return None
        return super().get_raw_token(b" ".join([b"Bearer", *rest]))


def access_of(request: Request) -> Access:
    """What the request's access token says about its session."""
    member: Any = request.user  # a TokenMember
    access: Access = member.access
    return access
