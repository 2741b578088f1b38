"""Answers that anyone may have: not sent again to who has them, and compressed on the way."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from threading import Lock
from typing import Any, TypeVar

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.urls import ResolverMatch
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import DomainError
from common.http.bodies import REFUSAL, declared_length
from common.sources import Sources

Answer = TypeVar("Answer", bound=HttpResponse)

WORTH_COMPRESSING_BYTES = 1_000
GZIP_REFUSED = re.compile(r"\bgzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)", re.IGNORECASE)
"""In an Accept-Encoding: Django takes gzip for accepted wherever it is named."""
_gzip = GZipMiddleware(lambda request: Response())


STORED = "no-cache"
"""As `Cache-Control`: wherever one likes, and asked after each time."""
IDENTIFYING = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "QUERY_STRING", "HTTP_ACCEPT")
KEPT_MAX = 1_000
"""Of so many answers a process knows what they were made of, some kB each."""


@dataclass(frozen=True, slots=True)
class _Known:
    tag: str
    vary: str
    sources: Sources
    match: ResolverMatch | None
    is_for_all: bool
    """Whether nobody is refused it, but for a token that is not good."""


_known: dict[tuple[str, ...], _Known] = {}
_known_lock = Lock()


def answer_conditionally(
    request: HttpRequest, sources: Sources | None, response: Answer, *, is_for_all: bool
) -> Answer:
    """A rendered answer with its `ETag`; a 304 (RFC 9110, 13.1.2) to who named it.

    It may be stored anywhere and is to be asked after each time: prices and stock change. What
    only one member may see must not come here: compressed beside what others choose, it could be
    guessed by its length (BREACH), and stored, be told to others. Other preconditions (`If-Match`,
    `If-Unmodified-Since`) keep a write from undoing another: a read is answered whatever they say.
    `is_for_all` says that nobody is refused the answer, but for a token that is not good. If
    `sources` tells what the answer was made of, the next who has it is told so by that.
    """
    tag = f'"{blake2b(response.content, digest_size=16).hexdigest()}"'
    patch_vary_headers(response, ["Accept-Encoding"])
    vary = response["Vary"]
    if sources is not None and sources.can_be_asked_again:
        known = _Known(tag, vary, sources, request.resolver_match, is_for_all)
        _keep(_identity(request), known)
    if _is_named(request, tag):
        return _not_modified(tag, vary)  # type: ignore[return-value]
    response["Cache-Control"], response["ETag"] = STORED, tag
    encodings = request.headers.get("Accept-Encoding", "")
    if len(response.content) > WORTH_COMPRESSING_BYTES and not GZIP_REFUSED.search(encodings):
        return _gzip.process_response(request, response)  # type: ignore[return-value]
    return response


def unchanged(request: HttpRequest, *, is_first: bool = False) -> HttpResponse | None:
    """A 304 for who has the answer, if it is known of what that was made, and would be the same.

    Its sources are asked once more, and nothing is made of what they tell: none is ever stale.
    When it `is_first` that is looked at, only who would be refused nothing is told so.
    """
    if not is_conditional(request):
        return None
    known = _known.get(_identity(request))
    if known is None or not _is_named(request, known.tag):
        return None
    if is_first and not (known.is_for_all and _is_welcome(request)):
        return None
    try:
        if not known.sources.tell_the_same():
            return None
    except (DatabaseError, DomainError):
        return None  # who makes the answer meets it, too, and knows what to say
    request.resolver_match = known.match
    return _not_modified(known.tag, known.vary)


def is_conditional(request: HttpRequest) -> bool:
    """Whether who asks has an answer already; who has none need not pay for what others have."""
    return "HTTP_IF_NONE_MATCH" in request.META


class UnchangedMiddleware:
    """Looks whether an answer is unchanged before all that it takes to make it, which costs more.

    Who may be refused is looked at first: who sends a body or a token that is not good, who waited
    too long, who is throttled, and who asks for what this process has not answered in the same
    words.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = None if _may_be_refused(request) else unchanged(request, is_first=True)
        return self.get_response(request) if answer is None else answer


def _may_be_refused(request: HttpRequest) -> bool:
    return REFUSAL in request.META or declared_length(request) > 0


def _is_welcome(request: Any) -> bool:
    """Whether the request has no token, or a good one: then it is known, as for a view, whose."""
    if "HTTP_AUTHORIZATION" not in request.META:
        return True
    for authentication in APIView.authentication_classes:
        try:
            authenticated = authentication().authenticate(request)
        except AuthenticationFailed:
            return False  # a view says why
        if authenticated is not None:
            request.user = authenticated[0]
    return True


def _is_named(request: HttpRequest, tag: str) -> bool:
    answer = get_conditional_response(request, etag=tag)
    return answer is not None and answer.status_code == HTTPStatus.NOT_MODIFIED


def _not_modified(tag: str, vary: str) -> HttpResponse:
    headers = {"Cache-Control": STORED, "ETag": tag, "Vary": vary}
    answer = HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    del answer["Content-Type"]  # who has the answer knows it; this would change it
    return answer


def _identity(request: HttpRequest) -> tuple[str, ...]:
    """What answers may differ by, besides their sources: pages have links to others.

    As it was sent, which is cheaper than the address made of it; no middleware lets another host
    through than the shop's.
    """
    sent = (request.META.get(name, "") for name in IDENTIFYING)
    return str(request.scheme), request.path, *sent


def _keep(identity: tuple[str, ...], known: _Known) -> None:
    with _known_lock:
        _known.pop(identity, None)
        while len(_known) >= KEPT_MAX:
            del _known[next(iter(_known))]
        _known[identity] = known
