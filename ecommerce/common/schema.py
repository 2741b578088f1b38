"""The OpenAPI description: every operation with each error code it may answer with.

drf-standardized-errors can describe its errors itself, in about ten components per operation; a
client developer is better served by one list of codes per status, which is what this builds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter, OpenApiResponse
from drf_standardized_errors.openapi_utils import (
    get_django_filter_backends,
    get_filter_forms,
    get_flat_serializer_fields,
    get_form_fields_with_error_codes,
    get_serializer_fields_with_error_codes,
)

from ecommerce.common.errors import Busy, DomainError, OutcomeUnknown, Unavailable
from ecommerce.common.exception_handler import error_type
from ecommerce.common.idempotency import IdempotencyKeyReused
from ecommerce.common.idempotency_header import HEADER, REPLAYED_HEADER
from ecommerce.common.pagination import PageParameters
from ecommerce.common.serializers import NoFields

SHARED_COMPONENT_CODES = 3
"""Error answers with at most so many codes are named components, the same for every operation."""

Codes = dict[str, set[str]]
"""The codes of one status, by the attribute they stand at ("" for none)."""

IDEMPOTENCY_PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description=(
        "1 to 255 visible ASCII characters of your choice. The same key and body act once, however"
        f" often they are sent; a repeated answer has the header `{REPLAYED_HEADER}: true`."
    ),
)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "users.authentication.MemberAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: openapi.AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class AutoSchema(openapi.AutoSchema):
    def _get_response_bodies(self, direction: Direction = "response") -> Any:
        responses = super()._get_response_bodies(direction=direction)
        for status, codes in sorted(self._errors_by_status().items()):
            if str(status) not in responses:
                response = self._error_response(status, codes)
                responses[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    response, str(status)
                )
        return responses

    def get_request_serializer(self) -> Any:
        """The body that the view declares; None for one that takes no fields."""
        serializer = self._declared("request_serializers")
        return None if serializer in (None, NoFields) else serializer

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        query = self._declared("query_serializers")
        if query is not None:
            parameters.append(query)
        if IdempotencyKeyReused in self._domain_errors():
            parameters.append(IDEMPOTENCY_PARAMETER)
        return parameters

    def _domain_errors(self) -> tuple[type[DomainError], ...]:
        return self._declared("domain_errors") or ()

    def _declared(self, attribute: str) -> Any:
        """What the view's mapping of this name says of the current action."""
        view: Any = self.view
        return getattr(view, attribute, {}).get(view.action)

    def _errors_by_status(self) -> dict[int, Codes]:
        """Everything that may go wrong, as {status: {attribute: codes}}."""
        found: dict[int, Codes] = defaultdict(lambda: defaultdict(set))
        for attribute, codes in self._validation_codes().items():
            found[400][attribute] |= codes
        errors: list[type[DomainError]] = [Unavailable, *self._domain_errors()]
        for error in errors:
            found[error.status][getattr(error, "attr", "")].add(error.code)
        if any(auth for auth in self.get_auth() or []):
            found[401][""] |= {"not_authenticated", "authentication_failed", "token_not_valid"}
        if "{" in self.path:
            found[404][""].add("not_found")
        found[405][""].add("method_not_allowed")
        found[406][""].add("not_acceptable")
        found[500][""].add("error")
        if self.method == "POST":
            found[400][""].add("parse_error")
            found[413][""].add("request_too_large")
            found[415][""].add("unsupported_media_type")
            found[503][""] |= {Busy.code, OutcomeUnknown.code}
        if self.view.get_throttles():
            found[429][""].add("throttled")
        return found

    def _validation_codes(self) -> Codes:
        codes: Codes = {"*": {"unknown_field"}}
        view: Any = self.view
        declared = (self._declared("request_serializers"), self._declared("query_serializers"))
        inputs = [serializer for serializer in declared if serializer is not None]
        if self._is_list_view():
            inputs.append(PageParameters)
            backends = get_django_filter_backends(self.get_filter_backends())
            for form in get_filter_forms(view, backends):
                codes |= {f.name: f.error_codes for f in get_form_fields_with_error_codes(form)}
        for serializer in inputs:
            flat = get_flat_serializer_fields(serializer)
            codes |= {f.name: f.error_codes for f in get_serializer_fields_with_error_codes(flat)}
        for attribute, extra in _extra_codes(inputs):
            codes[attribute] = codes.get(attribute, set()) | set(extra)
        if IdempotencyKeyReused in self._domain_errors():
            codes[HEADER] = {"invalid"}
        return codes

    def _error_response(self, status: int, codes: Codes) -> OpenApiResponse:
        every = sorted(set().union(*codes.values()))
        types = [error_type(status)]
        if "parse_error" in every:
            types.append("client_error")
        plain = sorted(codes.get("", ()))
        lines = [", ".join(f"`{code}`" for code in plain)] if plain else []
        lines += [
            f"- `{attribute}`: {', '.join(f'`{code}`' for code in sorted(codes[attribute]))}"
            for attribute in sorted(codes)
            if attribute
        ]
        example = _example(status, codes)
        schema = _error_schema(types, every)
        if len(every) <= SHARED_COMPONENT_CODES:
            name = f"Error{status}" + "".join(code.title().replace("_", "") for code in every)
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name, ResolvedComponent.SCHEMA, schema, name
            )
            self.registry.register_on_missing(component)
            schema = component.ref
        return OpenApiResponse(schema, description="\n".join(lines), examples=[example])


def _extra_codes(inputs: Iterable[Any]) -> Iterable[tuple[str, Iterable[str]]]:
    """The codes that a serializer's own methods raise, as its `extra_error_codes` declares them."""
    for serializer in inputs:
        declared: Mapping[str, Iterable[str]] = getattr(serializer, "extra_error_codes", {})
        yield from declared.items()


def _example(status: int, codes: Codes) -> OpenApiExample:
    attribute = min(codes)  # "" sorts first: an error of the whole request, where there is one
    code = min(codes[attribute])
    kind = "client_error" if code == "parse_error" else error_type(status)
    error = {"code": code, "detail": "…", "attr": attribute.replace("INDEX", "0") or None}
    return OpenApiExample(code, {"type": kind, "errors": [error]})


def _error_schema(types: Sequence[str], codes: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "errors"],
        "properties": {
            "type": {"type": "string", "enum": list(types)},
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["code", "detail", "attr"],
                    "properties": {
                        "code": {"type": "string", "enum": list(codes)},
                        "detail": {"type": "string"},
                        "attr": {"type": ["string", "null"]},
                    },
                },
            },
        },
    }
