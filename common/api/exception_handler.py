"""Every error under /api/ in one format, whoever raised it.

Inside a view drf-standardized-errors does the work; this teaches it the domain's errors and the
database's. Outside of one (middleware, unknown paths) `common.http.errors` builds the same answer.
"""

from collections import deque
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import TooManyFieldsSent
from django.db import Error as DjangoDatabaseError
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors import handler
from drf_standardized_errors.formatter import ExceptionFormatter
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response

from common.api.renderers import ERRORS, PROBLEMS
from common.db.database_errors import is_unavailable, may_be_retried
from common.errors import Busy, DomainError, ErrorItem, Unavailable
from common.http.errors import error_body, shown_errors, wants_problem


class ExceptionHandler(handler.ExceptionHandler):
    def run(self) -> Response | None:
        # JSON also from the pages and the schema, which would render it as HTML or YAML.
        request: Any = self.context["request"]
        request.accepted_renderer = PROBLEMS if wants_problem(request._request) else ERRORS
        request.accepted_media_type = request.accepted_renderer.media_type
        refusal = _refusal_of(self.exc)
        # A refusal is no bug, so there is nothing to report; and at a sale this is what most are
        # answered with. Nor is there a transaction to roll back: services end theirs themselves.
        response = super().run() if refusal is None else _refusal_response(refusal)
        if response is not None:
            patch_vary_headers(response, ["Accept"])
        return response

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, TooManyFieldsSent):  # by the thousand, in the query: hardly known ones
            detail = ErrorDetail(str(_("Too many query parameters.")), code="unknown_field")
            return exceptions.ValidationError([detail])
        return super().convert_known_exceptions(exc)


def _refusal_of(error: Exception) -> DomainError | None:
    if isinstance(error, DomainError):
        return error
    if isinstance(error, DjangoDatabaseError):
        # Reads are not retried: the client may, and nothing was changed.
        if may_be_retried(error):
            return Busy()
        if is_unavailable(error):
            return Unavailable()
    return None


def _refusal_response(refusal: DomainError) -> Response:
    headers = {}
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    return Response(error_body(refusal.status, refusal.items), refusal.status, headers=headers)


class ErrorFormatter(ExceptionFormatter):
    """The library's format, read as far as it is shown: its own way costs by the square."""

    def run(self) -> dict[str, Any]:
        return {"type": self.get_error_type(), "errors": shown_errors(_items_of(self.exc.detail))}


def _items_of(detail: Any) -> Iterator[ErrorItem]:
    """Every error of a tree of errors, the outer ones first."""
    waiting: deque[tuple[str | None, Any]] = deque([(None, detail)])
    while waiting:
        attr, part = waiting.popleft()
        if isinstance(part, ErrorDetail):
            yield ErrorItem(part.code or "invalid", part, attr)
        elif isinstance(part, list):
            waiting.extend(
                (attr if isinstance(child, ErrorDetail) else _join(attr, index), child)
                for index, child in enumerate(part)
            )
        else:
            waiting.extend((_join(attr, key), child) for key, child in part.items())


def _join(attr: str | None, key: object) -> str:
    return f"{attr}.{key}" if attr else str(key)
