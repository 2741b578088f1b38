"""Answers that anyone may have: not sent again to who has them, and compressed on the way."""

import re
from hashlib import blake2b
from http import HTTPStatus
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import get_conditional_response, patch_vary_headers
from rest_framework.response import Response

Answer = TypeVar("Answer", bound=HttpResponse)

WORTH_COMPRESSING_BYTES = 1_000
GZIP_REFUSED = re.compile(r"\bgzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)", re.IGNORECASE)
"""In an Accept-Encoding: Django takes gzip for accepted wherever it is named."""
_gzip = GZipMiddleware(lambda request: Response())


def answer_conditionally(request: HttpRequest, response: Answer) -> Answer:
    """A rendered answer with its `ETag`; a 304 (RFC 9110, 13.1.2) to who named it.

    It may be stored anywhere and is to be asked after each time: prices and stock change. What
    only one member may see must not come here: compressed beside what others choose, it could be
    guessed by its length (BREACH), and stored, be told to others. Other preconditions (`If-Match`,
    `If-Unmodified-Since`) keep a write from undoing another: a read is answered whatever they say.
    """
    response["Cache-Control"] = "no-cache"
    response["ETag"] = f'"{blake2b(response.content, digest_size=16).hexdigest()}"'
    patch_vary_headers(response, ["Accept-Encoding"])
    answer = get_conditional_response(request, etag=response["ETag"], response=response)
    if answer is not None and answer.status_code == HTTPStatus.NOT_MODIFIED:
        return answer  # type: ignore[return-value]
    encodings = request.headers.get("Accept-Encoding", "")
    if len(response.content) > WORTH_COMPRESSING_BYTES and not GZIP_REFUSED.search(encodings):
        return _gzip.process_response(request, response)  # type: ignore[return-value]
    return response
