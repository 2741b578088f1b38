"""A limit on request bodies: DRF's JSON parser reads past Django's own."""

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from ecommerce.common.errors import ErrorItem
from ecommerce.common.exception_handler import error_response, is_api_request


class BodyLimitMiddleware:
    """Refuses an API request whose body is larger than `DATA_UPLOAD_MAX_MEMORY_SIZE` bytes.

    Nothing is read: the length is the client's own word, and the server reads no further than it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api_request(request) and _declared_length(request) > _limit():
            return error_response(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                ErrorItem(
                    "request_too_large",
                    _("The body is larger than %(limit)d bytes.") % {"limit": _limit()},
                ),
            )
        return self.get_response(request)


def _limit() -> int:
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return limit


def _declared_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # Django takes an unreadable length for 0 too and reads nothing
