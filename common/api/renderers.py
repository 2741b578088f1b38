"""In which form an answer is sent: JSON, its errors also as RFC 9457 has them."""

from collections.abc import Mapping
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from common.http.errors import PROBLEM, as_problem, wants_problem


class ContentNegotiation(DefaultContentNegotiation):
    """Who asks for `application/problem+json` takes JSON, too: what is no error has no problem."""

    def get_accept_list(self, request: Request) -> list[str]:
        accepted: list[str] = super().get_accept_list(request)
        return [*accepted, JSONRenderer.media_type] if wants_problem(request) else accepted


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
