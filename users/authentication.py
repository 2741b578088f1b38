"""Bearer tokens: the only place, with `users.services`, that knows simplejwt."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed as TokenRefused
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.settings import api_settings

from ecommerce.common.fields import DB_IDS


def client_address(request: HttpRequest) -> str:
    """The address that the admin's login counts failures by, with as many proxies as are believed.

    As the API's throttles have it (REST framework, `BaseThrottle.get_ident`), for `NUM_PROXIES`.
    """
    proxies = settings.REST_FRAMEWORK["NUM_PROXIES"]
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    if not proxies or not forwarded:
        return str(request.META.get("REMOTE_ADDR") or "")
    addresses = forwarded.split(",")
    return str(addresses[-min(proxies, len(addresses))].strip())


class TokenMember(TokenUser):
    """The member that a valid access token names, without a look at the database."""

    @cached_property
    def id(self) -> int:  # type: ignore[override]
        """The member's id; a token carries it as text. Raises ValueError when it cannot be one."""
        member_id = int(self.token[api_settings.USER_ID_CLAIM])
        if member_id not in DB_IDS:
            raise ValueError("no id of a member")
        return member_id


class MemberAuthentication(JWTStatelessUserAuthentication):
    """simplejwt's stateless authentication, with errors of one code and one text."""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        try:
            authenticated = super().authenticate(request)
            if authenticated is not None:
                authenticated[0].pk  # noqa: B018  a claim that is no number is refused here
        except (TokenRefused, ValueError, TypeError) as error:
            raise AuthenticationFailed(
                _("The access token is invalid or expired."), code="token_not_valid"
            ) from error
        return authenticated
