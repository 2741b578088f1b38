"""Middlewares that pages need and the API has no use for: an eighth of what it would cost.

The API knows who asks by a token, has no session, no forms and no messages, and serves no files.
"""

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from whitenoise import middleware as whitenoise

from common.http.bodies import REFUSAL
from common.http.errors import is_api_request


class ForPages:
    """Steps aside for a request of the API, and for one that is refused: nothing is made of it."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if is_api_request(request) or REFUSAL in request.META:
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]


class WhiteNoiseMiddleware(ForPages, whitenoise.WhiteNoiseMiddleware):  # type: ignore[misc]
    pass


class SessionMiddleware(ForPages, sessions.SessionMiddleware):
    pass


class AuthenticationMiddleware(ForPages, auth.AuthenticationMiddleware):
    pass


class MessageMiddleware(ForPages, messages.MessageMiddleware):
    pass
