"""How large a request's body may be: one limit for every path, a larger one for the import page."""

from collections.abc import Callable
from http.client import responses
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html

from common.errors import BodyTooLarge, DomainError
from common.http.deferred import Unfinished
from common.http.errors import error_response, is_api_request

REFUSAL = "shop.refusal"
"""In a request's environment: the DomainError that whoever serves it refuses it with."""
BODY_HELD = "shop.body_held"
"""In a request's environment when its body is larger than the limit of every path and unread."""


_larger_bodies: dict[str, Callable[[HttpRequest], bool]] = {}
"""Names of the views that may be sent a file, and who may send one."""


def allow_larger_bodies(view_name: str, may_send: Callable[[HttpRequest], bool]) -> None:
    """Let a page take a body of `MAX_IMPORT_BYTES` from whom `may_send` lets."""
    _larger_bodies[view_name] = may_send


class BodyWanted(Unfinished):
    """Not an answer: whoever serves the request shall read its body and ask again."""

    def __init__(self, limit: int, seconds: float) -> None:
        super().__init__()
        self.limit = limit
        self.seconds = seconds


class BodyLimitMiddleware:
    """Refuses a request whose body is larger than `MAX_BODY_BYTES`, whatever its path.

    Nothing is read: the length is the client's own word, and nobody reads further than it. Pages
    of `allow_larger_bodies` may be sent a file, by whom they let: then `MAX_IMPORT_BYTES` is the
    limit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refusal = request.META.get(REFUSAL)
        if refusal is not None:
            return refused(request, refusal)
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if declared_length(request) > limit and request.path_info not in self._pages:
            return refused(request, BodyTooLarge(limit))
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        """By now it is known who asks; nobody has looked into the body yet."""
        length = declared_length(request)
        if length <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return None
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        if not self._pages[request.path_info](request):
            raise PermissionDenied
        if length > settings.MAX_IMPORT_BYTES:
            return refused(request, BodyTooLarge(settings.MAX_IMPORT_BYTES))
        if request.META.get(BODY_HELD):
            return BodyWanted(settings.MAX_IMPORT_BYTES, settings.IMPORT_TIMEOUT_SECONDS)
        return None

    @cached_property
    def _pages(self) -> dict[str, Callable[[HttpRequest], bool]]:
        return {reverse(name): may_send for name, may_send in _larger_bodies.items()}


def declared_length(request: HttpRequest) -> int:
    """The length of the body (bytes), as the client says it."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # Django takes an unreadable length for 0 too and reads nothing


def refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """The answer to a request that is refused before any view sees it."""
    answer: HttpResponse
    item = refusal.items[0]
    if is_api_request(request):
        answer = error_response(request, refusal.status, item)
    else:
        page = "<!doctype html><title>{0}</title><h1>{0}</h1><p>{1}</p>"
        reason = responses.get(refusal.status, refusal.code)
        answer = HttpResponse(format_html(page, reason, item.detail), status=refusal.status)
    if refusal.retry_after is not None:
        answer["Retry-After"] = str(refusal.retry_after)
    return answer
