"""Requests as the shop reads them, and the answer to whatever no other part could answer."""

import logging
from collections.abc import Iterable
from sys import exc_info
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest, get_path_info, get_str_from_wsgi
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseServerError,
    parse_cookie,
)
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.functional import cached_property
from django.utils.http import parse_header_parameters

from common.errors import ErrorItem
from common.http.content_policy import ContentPolicyMiddleware
from common.http.errors import error_response, is_api_request
from common.http.request_log import RequestLogMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

SERVER_ERROR = "Server Error (500)"

CONTENT_TYPE_MAX = 255
"""Characters: no media type with its boundary or charset needs more."""

OWN_COOKIES = {
    settings.SESSION_COOKIE_NAME,
    settings.CSRF_COOKIE_NAME,
    settings.LANGUAGE_COOKIE_NAME,
    "messages",
}
COOKIES_MAX = 4_096
"""Characters that are read: Pythons before 3.11.10 unquote a cookie in the square of its length."""

LENGTHS_MAX = {"HTTP_IF_MATCH": 4_096, "HTTP_IF_NONE_MATCH": 4_096, "HTTP_ACCEPT": 1_000}
"""Characters: each ETag among them is looked at."""


class ShopRequest(WSGIRequest):
    """A request whose query and forms are UTF-8, whatever charset its content is said to have.

    Django decodes the query by the charset of the body, as soon as it makes the request: one that
    is no encoding of texts (`base64`) ends it before any middleware. A content type that can't be
    read is none, and so is a length. Of the cookies only the shop's own are read, and what names
    more ETags or media types than anyone has use for is not looked at: it costs too much.
    """

    def __init__(self, environ: "WSGIEnvironment") -> None:
        length = environ.get("CONTENT_LENGTH") or ""
        if not (length.isascii() and length.isdigit()):
            environ["CONTENT_LENGTH"] = ""
        for header, most in LENGTHS_MAX.items():
            if not 0 < len(environ.get(header, " ")) <= most:
                del environ[header]
        super().__init__(environ)

    def _set_content_type_params(self, meta: "WSGIEnvironment") -> None:
        line = meta.get("CONTENT_TYPE") or ""
        if len(line) > CONTENT_TYPE_MAX:
            line = ""
        try:
            self.content_type, self.content_params = parse_header_parameters(line)
        except (ValueError, LookupError):
            line, self.content_type, self.content_params = "", "", {}
        meta["CONTENT_TYPE"] = line

    @cached_property
    def COOKIES(self) -> dict[str, str]:  # type: ignore[override]  # noqa: N802
        header = get_str_from_wsgi(self.environ, "HTTP_COOKIE", "")
        own = [part for part in header.split(";") if part.partition("=")[0].strip() in OWN_COOKIES]
        return parse_cookie(";".join(own)[:COOKIES_MAX])


class ShopHandler(WSGIHandler):
    """Django's handler for this shop's requests."""

    request_class = ShopRequest


class AnswerFailures:
    """Answers what fails outside of Django's own handling of errors, with an id and a log line."""

    def __init__(self, application: "WSGIApplication") -> None:
        self.application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        try:
            return self.application(environ, start_response)
        except Exception as error:
            response = failure_response(environ, error)
            status = f"{response.status_code} {response.reason_phrase}"
            start_response(status, list(response.items()), exc_info())
            return response


def failure_response(environ: "WSGIEnvironment", error: Exception) -> HttpResponseBase:
    """The answer to a request that ended in `error`, made from its WSGI environment alone."""
    request = HttpRequest()
    request.META = environ
    request.method = str(environ.get("REQUEST_METHOD", "")).upper()
    request.path = request.path_info = get_path_info(environ)

    def answer(request: HttpRequest) -> HttpResponseBase:
        logger.error("Outside of any view", exc_info=error)
        response: HttpResponse = HttpResponseServerError(f"<h1>{SERVER_ERROR}</h1>")
        if is_api_request(request):
            response = error_response(request, 500, ErrorItem("error", SERVER_ERROR))
        for middleware in (SecurityMiddleware, XFrameOptionsMiddleware, ContentPolicyMiddleware):
            middleware(answer).process_response(request, response)
        return response

    return RequestLogMiddleware(answer)(request)
