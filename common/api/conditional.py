"""Answers that anyone may have: not made again while they would be the same, nor sent again.

What an answer was made of is known (`common.sources`). Who asks in the same words gets it, if its
sources tell the same once more: none is ever stale.
"""

import re
import time
from collections.abc import Callable, Mapping
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

from common.db.secondary import read_near
from common.errors import DomainError
from common.http.bodies import REFUSAL, declared_length
from common.sources import Sources

Answer = TypeVar("Answer", bound=HttpResponse)
T = TypeVar("T")

WORTH_COMPRESSING_BYTES = 1_000
GZIP = re.compile(
    r"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.IGNORECASE
)
"""In an Accept-Encoding."""
_gzip = GZipMiddleware(lambda request: Response())
_accepting = HttpRequest()
_accepting.META["HTTP_ACCEPT_ENCODING"] = "gzip"  # as Django knows it


STORED = "no-cache"
"""As `Cache-Control`: wherever one likes, and asked after each time."""
IDENTIFYING = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "QUERY_STRING", "HTTP_ACCEPT")
KEPT_MAX = 1_000
"""Of so many answers a process knows what they were made of."""
KEPT_BYTES = 16 * 1024
"""It keeps those that are no longer: most pages of twenty rows."""
CHANGING_SECONDS = 1.0
"""What changes so soon after it was made is not looked at for as long, but for who has it."""


@dataclass(slots=True)
class _Known:
    tag: str
    headers: Mapping[str, str]
    content: bytes | None
    """What is said again; None: it is too long to be kept."""
    sources: Sources
    match: ResolverMatch | None
    is_for_all: bool
    """Whether nobody is refused it, but for a token that is not good."""
    noted_at: float
    """By the clock of `time.monotonic`."""
    changing_until: float = 0.0
    packed: HttpResponse | None = None

    @property
    def is_changing(self) -> bool:
        return time.monotonic() < self.changing_until


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
    `sources` tells what the answer was made of, the next who asks the same is answered by that.
    """
    tag = f'"{blake2b(response.content, digest_size=16).hexdigest()}"'
    patch_vary_headers(response, ["Accept", "Accept-Encoding"])
    response["Cache-Control"], response["ETag"] = STORED, tag
    if sources is not None and sources.can_be_asked_again:
        content = response.content if len(response.content) <= KEPT_BYTES else None
        headers, match = dict(response.items()), request.resolver_match
        now = time.monotonic()
        _keep(_identity(request), _Known(tag, headers, content, sources, match, is_for_all, now))
    if _is_named(request, tag):
        return _not_modified(tag, response["Vary"])  # type: ignore[return-value]
    return _packed(response) if _is_to_be_packed(request, response.content) else response


def known_answer(request: HttpRequest, *, is_first: bool = False) -> HttpResponse | None:
    """The answer, or a 304 to who has it, if it is known of what it was made, and it is the same.

    Its sources are asked once more, and nothing is made of what they tell. When it `is_first` that
    is looked at, only who would be refused nothing is answered.
    """
    if request.method not in {"GET", "HEAD"}:
        return None
    identity = _identity(request)
    known = _known.get(identity)
    if known is None:
        return None
    is_named = _is_named(request, known.tag)
    if not is_named and (known.content is None or known.is_changing):
        return None
    if is_first and not (known.is_for_all and _is_welcome(request)):
        return None
    try:
        if not tell_the_same(known.sources, request, is_named=is_named):
            now = time.monotonic()
            if now < known.noted_at + CHANGING_SECONDS:
                known.changing_until = now + CHANGING_SECONDS
            else:
                _forget(identity, known)
            return None
    except (DatabaseError, DomainError):
        return None  # who makes the answer meets it, too, and knows what to say
    request.resolver_match = known.match
    return _not_modified(known.tag, known.headers["Vary"]) if is_named else _again(request, known)


def is_worth_noting(request: HttpRequest) -> bool:
    """Whether it helps to know of what the answer is made: not while it changes all the time."""
    known = _known.get(_identity(request))
    return known is None or not known.is_changing or "HTTP_IF_NONE_MATCH" in request.META


def tell_the_same(sources: Sources, request: HttpRequest, *, is_named: bool) -> bool:
    """Whether the answer that is known would be the same now.

    Who has another may have a newer one than a secondary knows of: then the primary is asked.
    """
    if "HTTP_IF_NONE_MATCH" in request.META and not is_named:
        return sources.tell_the_same()
    return read_for(request, sources.tell_the_same)


def read_for(request: HttpRequest, read: Callable[[], T]) -> T:
    """What `read` returns; for who is nobody, as far as is known, of a secondary.

    Who may have changed something a moment ago sees it: members, who send a token, and staff, whose
    browser has a cookie of the back office.
    """
    sent = request.META
    is_nobody = "HTTP_AUTHORIZATION" not in sent and not sent.get("HTTP_COOKIE")
    return read_near(read) if is_nobody else read()


class KnownAnswersMiddleware:
    """Looks whether an answer is known before all that it takes to make it, which costs more.

    Who may be refused is looked at first: who sends a body or a token that is not good, who waited
    too long, who is throttled, and who asks for what this process has not answered in the same
    words.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = None if _may_be_refused(request) else known_answer(request, is_first=True)
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


def _again(request: HttpRequest, known: _Known) -> HttpResponse:
    response = HttpResponse(known.content, headers=known.headers)
    response["Content-Length"] = str(len(response.content))
    if not _is_to_be_packed(request, response.content):
        return response
    if known.packed is None:
        known.packed = _packed(response)
    return HttpResponse(known.packed.content, headers=dict(known.packed.items()))


def _is_to_be_packed(request: HttpRequest, content: bytes) -> bool:
    encodings = request.META.get("HTTP_ACCEPT_ENCODING", "")
    return len(content) > WORTH_COMPRESSING_BYTES and GZIP.search(encodings) is not None


def _packed(response: Answer) -> Answer:
    return _gzip.process_response(_accepting, response)  # type: ignore[return-value]


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


def _forget(identity: tuple[str, ...], known: _Known) -> None:
    """Under the lock: who keeps another meanwhile looks for the oldest, and takes that away."""
    with _known_lock:
        if _known.get(identity) is known:
            del _known[identity]
