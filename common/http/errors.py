"""The format of every error under /api/, whoever raises it: a view, a middleware, the front."""

from collections.abc import Iterable
from http import HTTPStatus
from itertools import islice
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _
from drf_standardized_errors.types import (
    CLIENT_ERROR,
    SERVER_ERROR,
    VALIDATION_ERROR,
    ErrorType,
)

from common.errors import ERRORS_MAX, ErrorItem

ATTR_MAX = 100
DETAIL_MAX = 300
"""Characters. An answer may repeat what was sent, and what was sent may be long."""

TOO_MANY_ERRORS = ErrorItem(
    "too_many_errors", _("There are more errors than an answer lists. Mend these first.")
)


def error_type(status: int) -> ErrorType:
    """The `type` of an error answer, by its HTTP status."""
    if status == HTTPStatus.BAD_REQUEST:
        return VALIDATION_ERROR
    return CLIENT_ERROR if status < 500 else SERVER_ERROR


def error_body(status: int, items: Iterable[ErrorItem]) -> dict[str, Any]:
    """What an error answer says."""
    return {"type": error_type(status), "errors": shown_errors(items)}


def shown_errors(items: Iterable[ErrorItem]) -> list[dict[str, str | None]]:
    """The first errors; the last of them says so when there are more."""
    listed = list(islice(items, ERRORS_MAX + 1))
    if len(listed) > ERRORS_MAX:
        listed[ERRORS_MAX - 1 :] = [TOO_MANY_ERRORS]
    return [
        {
            "code": item.code,
            "detail": _repeatable(str(item.detail), DETAIL_MAX),
            "attr": None if item.attr is None else _repeatable(item.attr, ATTR_MAX),
        }
        for item in listed
    ]


def _repeatable(text: str, length: int) -> str:
    """A text that an answer can have: not too long, and no half of a surrogate pair in it."""
    if len(text) > length:
        text = f"{text[: length - 1]}…"
    return text.encode(errors="replace").decode()


def error_response(status: int, item: ErrorItem) -> JsonResponse:
    """The answer to an error that no view handled, in the same format."""
    body = error_body(status, [item])
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def is_api_request(request: HttpRequest) -> bool:
    """Whether errors of this request must have the API's format."""
    return request.path_info.startswith("/api/")
