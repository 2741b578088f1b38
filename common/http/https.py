"""With HTTPS, what the API is asked over plain HTTP."""

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from common.errors import ErrorItem
from common.http.errors import error_response, is_api_request

PAGES = ("/api/docs/", "/api/redoc/")
"""They are redirected, as all pages are."""
HTTPS_REQUIRED = ErrorItem("https_required", _("This is answered over HTTPS only."))


class HttpsOnlyMiddleware:
    """Refuses what comes over plain HTTP to the API, which pages are redirected for.

    A redirect would hide that a client sends its tokens and passwords in the clear each time.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if (
            settings.SECURE_SSL_REDIRECT
            and not request.is_secure()
            and is_api_request(request)
            and not request.path_info.startswith(PAGES)
        ):
            return error_response(request, HTTPStatus.FORBIDDEN, HTTPS_REQUIRED)
        return self.get_response(request)
