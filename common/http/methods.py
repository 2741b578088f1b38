"""Which methods there are outside of the API, whose views say so themselves."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed

from common.http.errors import is_api_request

METHODS = ("GET", "HEAD", "POST")
"""What pages, files and probes have, between them; which of these, each says by itself."""


class MethodsMiddleware:
    """Refuses any other method of what is no API, before anyone is asked to sign in for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in METHODS or is_api_request(request):
            return self.get_response(request)
        return HttpResponseNotAllowed(METHODS)
