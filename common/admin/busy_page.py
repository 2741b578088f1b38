"""What somebody sees in a browser when the shop is busy; the API says it in its own format."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html

from common.errors import Busy


class BusyPageMiddleware:
    """Answers a page that ended in `Busy` with a plain 503, not with the one of a bug."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Busy):
            return None
        return HttpResponse(
            format_html("<h1>{}</h1>", error.message),
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"Retry-After": str(error.retry_after)},
        )
