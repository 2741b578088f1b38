"""Every error under /api/ in one format, whoever raised it.

Inside a view drf-standardized-errors does the work; this teaches it the domain's errors and the
database's. Outside of one (middleware, unknown paths) `error_response` builds the same answer.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import TooManyFieldsSent
from django.db import Error as DjangoDatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors import handler
from drf_standardized_errors.types import (
    CLIENT_ERROR,
    SERVER_ERROR,
    VALIDATION_ERROR,
    ErrorType,
)
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from ecommerce.common.database_errors import is_unavailable, may_be_retried
from ecommerce.common.errors import Busy, DomainError, ErrorItem, Unavailable


def error_type(status: int) -> ErrorType:
    """The `type` of an error answer, by its HTTP status."""
    if status == HTTPStatus.BAD_REQUEST:
        return VALIDATION_ERROR
    return CLIENT_ERROR if status < 500 else SERVER_ERROR


class ExceptionHandler(handler.ExceptionHandler):
    def run(self) -> Response | None:
        # JSON also from the pages and the schema, which would render it as HTML or YAML.
        request: Any = self.context["request"]
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
        refusal = _refusal_of(self.exc)
        if refusal is None:
            return super().run()
        # Not a bug, so nothing to report; and at a sale this is what most are answered with. Nor is
        # there a transaction to roll back: services end theirs themselves.
        return _refusal_response(refusal)

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
    return Response(_error_body(refusal.status, refusal.items), refusal.status, headers=headers)


def _error_body(status: int, items: Iterable[ErrorItem]) -> dict[str, Any]:
    return {
        "type": error_type(status),
        "errors": [
            {"code": item.code, "detail": str(item.detail), "attr": item.attr} for item in items
        ],
    }


def error_response(status: int, item: ErrorItem) -> JsonResponse:
    """The answer to an error that no view handled, in the same format."""
    body = _error_body(status, [item])
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def is_api_request(request: HttpRequest) -> bool:
    """Whether errors of this request must have the API's format."""
    return request.path_info.startswith("/api/")
