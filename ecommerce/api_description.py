"""The OpenAPI description as it is served."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from common.api.conditional import answer_conditionally, known_answer
from common.api.views import StrictParameters
from common.sources import Sources

PAGE = ["get", "head"]
"""A page would fail to render what OPTIONS answers."""


class DescriptionView(StrictParameters, SpectacularAPIView):
    """The description in YAML or JSON, as `Accept` asks, in the language that `?lang=` names."""

    schema = None

    def known_query_parameters(self) -> set[str]:
        return {"lang"}

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        http_request: HttpRequest = request._request
        language = request.query_params.get("lang", settings.LANGUAGE_CODE)
        if language not in dict(settings.LANGUAGES):
            detail = ErrorDetail(str(_("There is no such language here.")), code="invalid_choice")
            raise ValidationError({"lang": [detail]})
        same = known_answer(http_request)
        if same is not None:
            return same
        renderer: Any = request.accepted_renderer
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        response = HttpResponse(
            _document(renderer.__class__, language), content_type=f"{renderer.media_type}{charset}"
        )
        response["Content-Disposition"] = f'inline; filename="openapi.{renderer.format}"'
        response["Vary"] = "Accept"
        return answer_conditionally(
            http_request, Sources(), response, is_for_all=not self.throttle_classes
        )


class SwaggerPage(StrictParameters, SpectacularSwaggerSplitView):
    """Swagger UI, and (`?script`) what starts it."""

    http_method_names = PAGE

    def known_query_parameters(self) -> set[str]:
        return {"lang", "script"}


class RedocPage(StrictParameters, SpectacularRedocView):
    """Redoc."""

    http_method_names = PAGE

    def known_query_parameters(self) -> set[str]:
        return {"lang"}


@cache
def _document(renderer: Callable[[], Any], language: str) -> str | bytes:
    """The description in one form and language. It is built once by a process: it takes long."""
    generator: Any = SchemaGenerator
    with translation.override(language):
        return renderer().render(generator().get_schema(request=None, public=True))  # type: ignore[no-any-return]
