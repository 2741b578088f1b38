"""One structured line per request, and the id that ties the line to the answer."""

import logging
import re
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from uuid import uuid4

import structlog
from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from rest_framework.request import Request

from common import metrics
from common.db import timing
from common.db.timing import Spent
from common.http.deferred import when_final

logger = logging.getLogger("request")
"""Not structlog's: there is a line of each request, and to make it would cost twice as much."""

BEGAN = "shop.began"
"""In a request's environment: when it began to arrive, by `time.perf_counter`."""
QUEUED = "shop.queued"
"""In a request's environment: how many seconds it waited for the thread that serves it."""
PROBE = "probe"
"""What supervisors call themselves (`User-Agent`) whose questions leave no line."""
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
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
        began = request.META.setdefault(BEGAN, time.perf_counter())
        if request.encoding:  # not the shop's own request, but one of the test client's
            request.encoding = None  # type: ignore[assignment]
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = sent if SANE_REQUEST_ID.fullmatch(sent) else uuid4().hex
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            timing.spending() as spent,
        ):
            spent.queue = request.META.get(QUEUED, 0.0)
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            when_final(response, lambda final: _tell(request, final, began, spent))
        return response


def arrival_of(request: HttpRequest | Request) -> datetime:
    """When a request began to arrive in this process, by the clock of the day."""
    return timezone.now() - timedelta(seconds=time.perf_counter() - request.META[BEGAN])


def _tell(request: HttpRequest, response: HttpResponseBase, began: float, spent: Spent) -> None:
    """Log and count the request; that it can't be undoes nothing that was done."""
    try:
        seconds = time.perf_counter() - began
        method = request.method if request.method in METHODS else "other"
        metrics.count_request(_route(request), str(method), response.status_code, seconds)
        if _is_probe(request, response) or not logger.isEnabledFor(logging.INFO):
            return
        line = {
            "method": request.method,
            "path": request.path[:PATH_MAX],
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 1),
            "member_id": _member_id(request),
            **_trace(request),
            **(_where(seconds, spent) if seconds >= settings.SLOW_REQUEST_SECONDS else {}),
            "event": "request",
            "request_id": response["X-Request-ID"],
        }
        # As logger.info, which would look for the caller's line.
        logger.handle(logging.LogRecord(logger.name, logging.INFO, __file__, 0, line, (), None))
    except Exception:
        traceback.print_exc()


def _is_probe(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a supervisor asked, who says so, and all is well: every few seconds."""
    return (
        request.path_info.startswith("/health/")
        and response.status_code == HTTPStatus.OK
        and request.META.get("HTTP_USER_AGENT") == PROBE
    )


def _trace(request: HttpRequest) -> dict[str, str]:
    """The client's `traceparent`, if it sent one."""
    sent = request.META.get("HTTP_TRACEPARENT", "")
    return {"traceparent": sent} if TRACEPARENT.fullmatch(sent) else {}


def _where(seconds: float, spent: Spent) -> dict[str, float]:
    """Where the time of a request went, in milliseconds."""
    parts = {"queue": spent.queue, "lock": spent.lock, "database": spent.database}
    parts["python"] = max(seconds - sum(parts.values()), 0.0)
    return {f"{name}_ms": round(value * 1000, 1) for name, value in parts.items()}


def _route(request: HttpRequest) -> str:
    """The pattern of the path: of so many paths as clients may make up there are few."""
    match = request.resolver_match
    if match is None:
        return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"
    return _readable(match.route)


_readable = lru_cache(maxsize=None)(simplify_regex)


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
