"""The OpenAPI description as it is served."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from common.api.conditional import AnswersUnchanged, answer_conditionally, unchanged
from common.sources import Sources


class DescriptionView(AnswersUnchanged, SpectacularAPIView):
    """The description in YAML or JSON, as `Accept` asks, in the language that `?lang=` names."""

    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        http_request: HttpRequest = request._request
        same = unchanged(http_request)
        if same is not None:
            return same
        asked = request.query_params.get("lang")
        language = asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        renderer: Any = request.accepted_renderer
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        response = HttpResponse(
            _document(renderer.__class__, language), content_type=f"{renderer.media_type}{charset}"
        )
        response["Content-Disposition"] = f'inline; filename="openapi.{renderer.format}"'
        return answer_conditionally(http_request, Sources(), response)


@cache
def _document(renderer: Callable[[], Any], language: str) -> str | bytes:
    """The description in one form and language. It is built once by a process: it takes long."""
    generator: Any = SchemaGenerator
    with translation.override(language):
        return renderer().render(generator().get_schema(request=None, public=True))  # type: ignore[no-any-return]
