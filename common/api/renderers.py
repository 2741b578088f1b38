"""In which form an answer is sent: JSON, its errors also as RFC 9457 has them."""

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from common.http.errors import PROBLEM, as_problem, quality_of, wants_problem

ANYTHING = "*/*"


class ContentNegotiation(DefaultContentNegotiation):
    """As RFC 9110 has it: what is liked best is sent, and what has `q=0` is not.

    Who asks for `application/problem+json` takes JSON, too: what is no error has no problem.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        if format_suffix is None and request.META.get("HTTP_ACCEPT", ANYTHING) == ANYTHING:
            first = next(iter(renderers))  # as below, and as most ask
            return first, str(first.media_type)
        accepted = self.get_accept_list(request)
        if any("q" in media_range.partition(";")[2].lower() for media_range in accepted):
            liked = [(quality_of(str(one.media_type), accepted), one) for one in renderers]
            best = max(quality for quality, _renderer in liked)
            if not best:
                raise NotAcceptable(available_renderers=list(renderers))
            renderers = [renderer for quality, renderer in liked if quality == best]
        selected: tuple[BaseRenderer, str] = super().select_renderer(
            request, renderers, format_suffix
        )
        return selected

    def get_accept_list(self, request: Request) -> list[str]:
        accepted: list[str] = super().get_accept_list(request)
        json = JSONRenderer.media_type
        if wants_problem(request) and not any(json in text.lower() for text in accepted):
            return [*accepted, json]
        return accepted


class ProblemRenderer(JSONRenderer):
    """An error answer in the members of RFC 9457."""

    media_type = PROBLEM

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        status = (renderer_context or {})["response"].status_code
        rendered: bytes = super().render(
            as_problem(status, data), accepted_media_type, renderer_context
        )
        return rendered


ERRORS, PROBLEMS = JSONRenderer(), ProblemRenderer()
