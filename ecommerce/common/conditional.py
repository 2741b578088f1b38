"""Answers that anyone may have: not sent again to who has them, and compressed on the way."""

from hashlib import blake2b
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import get_conditional_response
from rest_framework.response import Response

Answer = TypeVar("Answer", bound=HttpResponse)

WORTH_COMPRESSING_BYTES = 1_000
_gzip = GZipMiddleware(lambda request: Response())


def answer_conditionally(request: HttpRequest, response: Answer) -> Answer:
    """A rendered answer with its `ETag`; a 304 (RFC 9110, 13.1.2) to who named it.

    It may be stored anywhere and is to be asked after each time: prices and stock change. What
    only one member may see must not come here: compressed beside what others choose, it could be
    guessed by its length (BREACH), and stored, be told to others.
    """
    response["Cache-Control"] = "no-cache"
    response["ETag"] = f'"{blake2b(response.content, digest_size=16).hexdigest()}"'
    answer = get_conditional_response(request, etag=response["ETag"], response=response)
    if answer is response and len(response.content) > WORTH_COMPRESSING_BYTES:
        return _gzip.process_response(request, response)  # type: ignore[return-value]
    return answer  # type: ignore[return-value]
