"""In which language the shop speaks to whoever asks."""

from collections.abc import Callable
from types import SimpleNamespace

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request

from common.http.deferred import when_final

API = "/api/"
UNTRANSLATED = ("/api/schema/", "/api/docs/", "/api/redoc/", "/health/")
"""For developers and machines."""


class LanguageMiddleware:
    """Sets the language of a request, and tells it of the answers that depend on it.

    Pages follow the cookie of the admin's language switch, then `Accept-Language`. The API follows
    `Accept-Language` alone, since a client has no switch; of its answers only the refusals have
    texts, so only these have `Content-Language` and vary.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path.startswith(UNTRANSLATED):
            with translation.override(settings.LANGUAGE_CODE):
                return self.get_response(request)
        of_api = path.startswith(API)
        language = _accepted_language(request) if of_api else get_language_from_request(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)

        def tell(response: HttpResponseBase) -> None:
            if not of_api:
                patch_vary_headers(response, ["Accept-Language", "Cookie"])
                response.headers.setdefault("Content-Language", language)
            elif response.status_code >= 400:
                patch_vary_headers(response, ["Accept-Language"])
                response.headers.setdefault("Content-Language", language)

        when_final(response, tell)
        return response


def _accepted_language(request: HttpRequest) -> str:
    without_cookies = SimpleNamespace(COOKIES={}, META=request.META)
    return get_language_from_request(without_cookies)  # type: ignore[arg-type]
