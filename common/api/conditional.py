"""Answers that anyone may have: not sent again to who has them, and compressed on the way."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from threading import Lock
from typing import Any, TypeVar

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import DomainError
from common.sources import Sources

Answer = TypeVar("Answer", bound=HttpResponse)

WORTH_COMPRESSING_BYTES = 1_000
GZIP_REFUSED = re.compile(r"\bgzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)", re.IGNORECASE)
"""In an Accept-Encoding: Django takes gzip for accepted wherever it is named."""
_gzip = GZipMiddleware(lambda request: Response())


IDENTIFYING = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "QUERY_STRING", "HTTP_ACCEPT")
KEPT_MAX = 1_000
"""Of so many answers a process knows what they were made of, some kB each."""


@dataclass(frozen=True, slots=True)
class _Known:
    tag: str
    sources: Sources


_known: dict[tuple[str, ...], _Known] = {}
_known_lock = Lock()


def answer_conditionally(request: HttpRequest, sources: Sources, response: Answer) -> Answer:
    """A rendered answer with its `ETag`; a 304 (RFC 9110, 13.1.2) to who named it.

    It may be stored anywhere and is to be asked after each time: prices and stock change. What
    only one member may see must not come here: compressed beside what others choose, it could be
    guessed by its length (BREACH), and stored, be told to others. Other preconditions (`If-Match`,
    `If-Unmodified-Since`) keep a write from undoing another: a read is answered whatever they say.
    """
    tag = f'"{blake2b(response.content, digest_size=16).hexdigest()}"'
    _describe(response, tag)
    if sources.can_be_asked_again:
        _keep(_identity(request), _Known(tag, sources))
    answer = get_conditional_response(request, etag=response["ETag"], response=response)
    if answer is not None and answer.status_code == HTTPStatus.NOT_MODIFIED:
        return answer  # type: ignore[return-value]
    encodings = request.headers.get("Accept-Encoding", "")
    if len(response.content) > WORTH_COMPRESSING_BYTES and not GZIP_REFUSED.search(encodings):
        return _gzip.process_response(request, response)  # type: ignore[return-value]
    return response


def unchanged(request: HttpRequest) -> HttpResponse | None:
    """A 304 for who has the answer, if it is known of what that was made, and would be the same.

    Its sources are asked once more, and nothing is made of what they tell: none is ever stale.
    """
    if "HTTP_IF_NONE_MATCH" not in request.META:
        return None
    known = _known.get(_identity(request))
    if known is None:
        return None
    answer: HttpResponse | None = get_conditional_response(request, etag=known.tag)
    if answer is None or answer.status_code != HTTPStatus.NOT_MODIFIED:
        return None
    try:
        if not known.sources.tell_the_same():
            return None
    except (DatabaseError, DomainError):
        return None  # who makes the answer meets it, too, and knows what to say
    _describe(answer, known.tag)
    return answer


class AnswersUnchanged(APIView):
    """A view that looks whether the answer is unchanged before all else, which costs more."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "HTTP_AUTHORIZATION" not in request.META and not self.throttle_classes:
            answer = unchanged(request)
            if answer is not None:
                if len(self.renderer_classes) > 1:  # as finalize_response does it
                    patch_vary_headers(answer, ["Accept"])
                return answer
        return super().dispatch(request, *args, **kwargs)  # who may be refused is looked at first


def _describe(response: HttpResponse, tag: str) -> None:
    response["Cache-Control"] = "no-cache"
    response["ETag"] = tag
    patch_vary_headers(response, ["Accept-Encoding"])


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
