"""What every view of the API has: strict parameters, and errors of its domain in the schema."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework import serializers, viewsets
from rest_framework.exceptions import MethodNotAllowed, NotFound
from rest_framework.metadata import SimpleMetadata
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.conditional import answer_conditionally, is_worth_noting, known_answer, read_for
from common.api.pagination import PageParameters
from common.api.serializers import StrictSerializer, query_errors, represent, validate
from common.errors import DomainError
from common.sources import Sources, noted_sources


class Metadata(SimpleMetadata):
    """What OPTIONS answers: the operation's fields are the OpenAPI description's to tell."""

    def determine_actions(self, request: Request, view: APIView) -> dict[str, Any]:
        return {}


class StrictParameters(APIView):
    """Refuses methods that a path hasn't, before all else, and query parameters it doesn't know."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)
        errors = query_errors(request.query_params, self.known_query_parameters())
        if errors:
            raise serializers.ValidationError(errors)

    def known_query_parameters(self) -> set[str]:
        """The names of the query parameters that the request may have."""
        return set()


class ApiViewSet(StrictParameters, viewsets.GenericViewSet[Any]):
    """Validate, call one service, serialize.

    Per action: `request_serializers` say which body it takes, `query_serializers` which query
    parameters (beyond a list's filters and paging), and `domain_errors` which errors of its domain
    it may answer with. The OpenAPI description is made from the same three.
    """

    request_serializers: ClassVar[Mapping[str, type[StrictSerializer]]] = {}
    query_serializers: ClassVar[Mapping[str, type[StrictSerializer]]] = {}
    domain_errors: ClassVar[Mapping[str, tuple[type[DomainError], ...]]] = {}
    metadata_class = Metadata
    lookup_value_regex = "[0-9]{1,18}"

    _sources: Sources | None = None
    """What the answer to a public read was made of, if that was noted."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.is_public_read():
            name = str(request.method).lower()
            setattr(self, name, partial(self._read, getattr(self, name)))

    def _read(
        self, read: Callable[..., Response], request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        answer = known_answer(request._request)
        if answer is not None:
            return answer
        make = partial(self._make, read, request, *args, **kwargs)
        if "HTTP_IF_NONE_MATCH" in request.META:
            return make()  # of the primary: a secondary might have what was before that
        return read_for(request._request, make)

    def _make(
        self, read: Callable[..., Response], request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        if not is_worth_noting(request._request):
            return read(request, *args, **kwargs)
        with noted_sources() as self._sources:
            return read(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        if not self.is_public_read():  # a member's data, or tokens
            final.headers.setdefault("Cache-Control", "no-store")
        elif final.status_code == 200 and isinstance(final, Response):  # and not known before
            final.add_post_render_callback(
                partial(
                    answer_conditionally,
                    request._request,
                    self._sources,
                    is_for_all=not self.throttle_classes,
                )
            )
        return final

    def is_public_read(self) -> bool:
        """Whether anyone may ask this, and all are answered alike."""
        permissions = self.get_permissions()
        return self.request.method in {"GET", "HEAD"} and all(
            isinstance(permission, AllowAny) for permission in permissions
        )

    def known_query_parameters(self) -> set[str]:
        """Those that the current action takes; OPTIONS takes none."""
        names: set[str] = set()
        if self.action in self.query_serializers:
            names |= set(_names_of(self.query_serializers[self.action]))
        if self.is_list():
            names |= set(_names_of(PageParameters))
            filterset_class = getattr(self, "filterset_class", None)
            names |= set(filterset_class.base_filters) if filterset_class else set()
        return names

    def is_list(self) -> bool:
        """Whether the current action answers with a page of rows."""
        return self.action == "list"

    def list_page(self) -> Response:
        """The page of the view's rows that the request asks for."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert page is not None
        serializer_class = self.get_serializer_class()
        return self.get_paginated_response([represent(serializer_class, row) for row in page])

    def read_body(self) -> dict[str, Any]:
        """The validated body; raises ValidationError."""
        data: dict[str, Any] = validate(self.request_serializers[self.action], self.request.data)
        return data

    def read_query(self) -> dict[str, Any]:
        """The validated query parameters; raises ValidationError."""
        sent = self.request.query_params.dict()
        data: dict[str, Any] = validate(self.query_serializers[self.action], sent)
        return data

    @property
    def member_id(self) -> int:
        """The id of the signed-in member."""
        assert self.request.user.pk is not None
        return self.request.user.pk


@cache
def _names_of(serializer_class: type[serializers.Serializer[Any]]) -> frozenset[str]:
    return frozenset(serializer_class().fields)


class UnknownPath(APIView):
    """Answers every path under /api/ that nothing else serves."""

    permission_classes = [AllowAny]
    authentication_classes = []
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound
