"""One structured line per request, and the id that ties the line to the answer."""

import re
import time
import traceback
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from common.http.deferred import when_final

logger = structlog.get_logger("request")

BEGAN = "ecommerce.began"
"""In a request's environment: when it began to arrive, by `time.perf_counter`."""
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
PATH_MAX = 2_000
"""How many characters of a path the log keeps."""


class RequestLogMiddleware:
    """Answers with `X-Request-ID` (the client's, if sane) and logs the request when it is done.

    The line has time, id, method, path, status, duration in milliseconds and the member's id:
    never a body, a query string, a token or a password.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = request.META.get(BEGAN) or time.perf_counter()
        if request.encoding:  # not the shop's own request, but one of the test client's
            request.encoding = None  # type: ignore[assignment]
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if SANE_REQUEST_ID.fullmatch(sent) else uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            when_final(response, lambda final: _write_line(request, final, began))
        return response


def _write_line(request: HttpRequest, response: HttpResponseBase, began: float) -> None:
    """Log the request; that the log can't be written undoes nothing that was done."""
    try:
        logger.info(
            "request",
            method=request.method,
            path=request.path[:PATH_MAX],
            status=response.status_code,
            duration_ms=round((time.perf_counter() - began) * 1000, 1),
            member_id=_member_id(request),
        )
    except Exception:
        traceback.print_exc()


def with_id_and_line(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The response, with its id and line also when no RequestLogMiddleware is to see it.

    One that stands before it in the chain may fail.
    """
    if "request_id" in structlog.contextvars.get_contextvars():
        return response
    return RequestLogMiddleware(lambda request: response)(request)


def _member_id(request: HttpRequest) -> int | None:
    """The id of who asked, if that is known by now: a log line must not query the database."""
    user = getattr(request, "_cached_user", None)  # a session's user, if a view looked at it
    if user is None:
        user = request.__dict__.get("user")  # a token's member, set by DRF
    if user is None or isinstance(user, SimpleLazyObject):
        return None
    member_id: int | None = user.pk
    return member_id
