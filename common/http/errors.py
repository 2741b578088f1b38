"""The format of every error under /api/, whoever raises it: a view, a middleware, the front."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.client import responses
from itertools import islice
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.request import MediaType
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _

from common.errors import ERRORS_MAX, ErrorItem

ATTR_MAX = 100
DETAIL_MAX = 300
"""Characters. An answer may repeat what was sent, and what was sent may be long."""

TOO_MANY_ERRORS = ErrorItem(
    "too_many_errors", _("There are more errors than an answer lists. Mend these first.")
)


def error_type(status: int) -> str:
    """The `type` of an error answer, by its HTTP status."""
    if status == HTTPStatus.BAD_REQUEST:
        return "validation_error"
    return "client_error" if status < 500 else "server_error"


def error_body(status: int, items: Iterable[ErrorItem]) -> dict[str, Any]:
    """What an error answer says."""
    return {"type": error_type(status), "errors": shown_errors(items)}


JSON = "application/json"
PROBLEM = "application/problem+json"


def wants_problem(request: HttpRequest) -> bool:
    """Whether who asks names RFC 9457's media type, and likes plain JSON no better."""
    accepted = request.META.get("HTTP_ACCEPT", "").lower()
    if PROBLEM not in accepted:
        return False
    named = accepted.split(",")
    wished = quality_of(PROBLEM, [one for one in named if PROBLEM in one])
    return wished > 0 and wished >= quality_of(JSON, named)


def quality_of(media_type: str, accepted: Sequence[str]) -> float:
    """How much a media type is liked, 0 to 1: by the range among `accepted` that says most of it.

    Parameters but `q` are not looked at: no two forms of an answer differ by them.
    """
    main, _slash, sub = media_type.partition("/")
    qualities = [
        (one.main_type != "*", one.sub_type != "*", one.quality)
        for one in _media_ranges(accepted)
        if one.main_type in {"*", main} and one.sub_type in {"*", sub}
    ]
    return max(qualities, default=(False, False, 0.0))[2]


def _media_ranges(accepted: Iterable[str]) -> list[MediaType]:
    """The media types and ranges of an `Accept`, but for what can't be read."""
    ranges = []
    for text in accepted:
        with suppress(ValueError):  # a parameter in an encoding that there is not
            ranges.append(MediaType(text.lower()))
    return ranges


def as_problem(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """What an error answer says, in the members of RFC 9457; `code` and `errors` extend them."""
    first = body["errors"][0]
    return {
        "type": "about:blank",
        "title": responses.get(status, first["code"]),
        "status": status,
        "detail": first["detail"],
        "code": first["code"],
        "errors": body["errors"],
    }


def shown_errors(items: Iterable[ErrorItem]) -> list[dict[str, Any]]:
    """The first errors; the last of them says so when there are more."""
    listed = list(islice(items, ERRORS_MAX + 1))
    if len(listed) > ERRORS_MAX:
        listed[ERRORS_MAX - 1 :] = [TOO_MANY_ERRORS]
    return [
        {
            "code": item.code,
            "detail": _repeatable(str(item.detail), DETAIL_MAX),
            "attr": None if item.attr is None else _repeatable(item.attr, ATTR_MAX),
            **({} if item.id is None else {"id": item.id}),
        }
        for item in listed
    ]


def _repeatable(text: str, length: int) -> str:
    """A text that an answer can have: not too long, and no half of a surrogate pair in it."""
    if len(text) > length:
        text = f"{text[: length - 1]}…"
    return text.encode(errors="replace").decode()


def error_response(request: HttpRequest, status: int, item: ErrorItem) -> JsonResponse:
    """The answer to an error that no view handled, in the same format."""
    body = error_body(status, [item])
    content_type = "application/json"
    if wants_problem(request):
        body, content_type = as_problem(status, body), PROBLEM
    response = JsonResponse(
        body, status=status, content_type=content_type, json_dumps_params={"ensure_ascii": False}
    )
    patch_vary_headers(response, ["Accept"])
    return response


def is_api_request(request: HttpRequest) -> bool:
    """Whether errors of this request must have the API's format."""
    return request.path_info.startswith("/api/")
