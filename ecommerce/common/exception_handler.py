"""Every error under /api/ in one format, whoever raised it.

Inside a view drf-standardized-errors does the work; this teaches it the domain's errors and the
database's. Outside of one (middleware, unknown paths) `error_response` builds the same answer.
"""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import TooManyFieldsSent
from django.db import Error as DjangoDatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors import formatter, handler
from drf_standardized_errors.types import (
    CLIENT_ERROR,
    SERVER_ERROR,
    VALIDATION_ERROR,
    Error,
    ErrorType,
)
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from ecommerce.common.database_errors import is_unavailable, may_be_retried
from ecommerce.common.errors import Busy, DomainError, ErrorItem, Unavailable


class DomainAPIException(exceptions.APIException):
    """A `DomainError` on its way through DRF."""

    def __init__(self, error: DomainError) -> None:
        super().__init__(str(error), code=error.code)
        self.items = error.items
        self.status_code = error.status
        self.wait = error.retry_after  # the handler turns it into Retry-After
        if error.status == HTTPStatus.UNAUTHORIZED:
            self.auth_header = 'Bearer realm="api"'


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
        return super().run()

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, TooManyFieldsSent):  # by the thousand, in the query: hardly known ones
            detail = ErrorDetail(str(_("Too many query parameters.")), code="unknown_field")
            return exceptions.ValidationError([detail])
        if isinstance(exc, DjangoDatabaseError):
            # Reads are not retried: the client may, and nothing was changed.
            if may_be_retried(exc):
                exc = Busy()
            elif is_unavailable(exc):
                exc = Unavailable()
        if isinstance(exc, DomainError):
            return DomainAPIException(exc)
        return super().convert_known_exceptions(exc)

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        """Report bugs, with their trace; a refusal that we chose ourselves is no bug."""
        if not isinstance(exc, DomainAPIException):
            super().report_exception(exc, response)


class ExceptionFormatter(formatter.ExceptionFormatter):
    def get_error_type(self) -> ErrorType:
        if isinstance(self.exc, DomainAPIException):
            return error_type(self.exc.status_code)
        return super().get_error_type()

    def get_errors(self) -> list[Error]:
        if isinstance(self.exc, DomainAPIException):
            return [Error(item.code, str(item.detail), item.attr) for item in self.exc.items]
        return super().get_errors()


def error_response(status: int, item: ErrorItem) -> JsonResponse:
    """The answer to an error that no view handled, in the same format."""
    body = {
        "type": error_type(status),
        "errors": [{"code": item.code, "detail": str(item.detail), "attr": item.attr}],
    }
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def is_api_request(request: HttpRequest) -> bool:
    """Whether errors of this request must have the API's format."""
    return request.path_info.startswith("/api/")
