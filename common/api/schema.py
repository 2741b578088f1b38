"""The OpenAPI description: every operation with each error code it may answer with.

drf-standardized-errors can describe its errors itself, in about ten components per operation; a
client developer is better served by one list of codes per status, which is what this builds.
"""

import inspect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.validators import EmailValidator, RegexValidator
from drf_spectacular import openapi
from drf_spectacular.plumbing import ResolvedComponent, force_instance
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiParameter, OpenApiResponse
from drf_standardized_errors.openapi_utils import (
    get_django_filter_backends,
    get_filter_forms,
    get_flat_serializer_fields,
    get_form_fields_with_error_codes,
    get_serializer_fields_with_error_codes,
)
from rest_framework import serializers
from rest_framework.exceptions import (
    MethodNotAllowed,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Throttled,
    UnsupportedMediaType,
)

from common.api.idempotency_header import HEADER, REPLAYED_HEADER, VISIBLE_ASCII
from common.api.pagination import PageParameters
from common.api.serializers import (
    NO_NULL_CHARACTER,
    NOT_BLANK,
    UNKNOWN_FIELD,
    NoFields,
    StrictSerializer,
    TextField,
)
from common.db.idempotency import IdempotencyKeyReused
from common.errors import (
    BodyIncomplete,
    BodyLate,
    BodyTooLarge,
    Busy,
    DomainError,
    OutcomeUnknown,
    Unavailable,
)
from common.http.errors import TOO_MANY_ERRORS, error_type
from common.http.https import HTTPS_REQUIRED

OWN_TO_AN_OPERATION = {400, 409}
"""Error answers that hardly two operations share; the others are named components."""

TEXTS: dict[str, Any] = {
    error.default_code: error.default_detail
    for error in (NotAuthenticated, NotFound, NotAcceptable, Throttled)
} | {
    "unknown_field": UNKNOWN_FIELD,
    "method_not_allowed": MethodNotAllowed("DELETE").detail,
    "unsupported_media_type": UnsupportedMediaType("text/plain").detail,
    BodyTooLarge.code: BodyTooLarge(65_536).items[0].detail,
    "error": "Server Error (500)",
    HTTPS_REQUIRED.code: HTTPS_REQUIRED.detail,
    "token_not_valid": "The access token is invalid or expired.",
    **{error.code: error.message for error in (Busy, Unavailable, OutcomeUnknown, BodyLate)},
}
"""What the errors say that are not an operation's own."""

Codes = dict[str, set[str]]
"""The codes of one status, by the attribute they stand at ("" for none)."""


def _header(name: str, description: str, **kwargs: Any) -> OpenApiParameter:
    return OpenApiParameter(
        name, location=OpenApiParameter.HEADER, description=description, **kwargs
    )


IDEMPOTENCY_PARAMETERS = [
    _header(
        HEADER,
        "1 to 255 visible ASCII characters of your choice. The same key and body act once, however"
        " often they are sent.",
        pattern=f"^{VISIBLE_ASCII.pattern}$",
    ),
    _header(
        REPLAYED_HEADER,
        "There when the answer repeats that of an earlier request with the same key.",
        enum=["true"],
        response=[201],
    ),
]
ETAG = _header(
    "ETag",
    "Names what was answered. Sent back as `If-None-Match`, it is answered with 304 as long as"
    " nothing has changed.",
    response=[200],
)
RETRY_AFTER = _header(
    "Retry-After",
    "Seconds after which the same request may succeed.",
    type=int,
    response=[429, 503],
)


class AutoSchema(openapi.AutoSchema):
    def _get_response_bodies(self, direction: Direction = "response") -> Any:
        responses = super()._get_response_bodies(direction=direction)
        for status, codes in sorted(self._errors_by_status().items()):
            if str(status) not in responses:
                response = self._error_response(status, codes)
                responses[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    response, str(status)
                )
        if self._is_public_read():
            responses["304"] = {"description": "It is what `If-None-Match` names."}
        return responses

    def _is_public_read(self) -> bool:
        return self.method == "GET" and {} in (self.get_auth() or [])

    def get_request_serializer(self) -> Any:
        """The body that the view declares; None for one that takes no fields."""
        serializer = self._declared("request_serializers")
        return None if serializer in (None, NoFields) else serializer

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(force_instance(serializer), StrictSerializer):  # type: ignore[no-untyped-call]
            schema["additionalProperties"] = False
        return schema

    def _map_serializer_field(
        self, field: Any, direction: Direction, bypass_extensions: bool = False
    ) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if isinstance(field, serializers.ListField) and not field.allow_empty:
            schema["minItems"] = 1
        if isinstance(field, TextField) and not _has_a_form(field):
            is_stripped = field.trim_whitespace and not field.allow_blank
            schema["pattern"] = NOT_BLANK if is_stripped else NO_NULL_CHARACTER
        return schema

    def get_description(self) -> str:  # type: ignore[override]
        """What the operation says of itself; not what its viewset says of all of them."""
        view: Any = self.view
        action = getattr(view, view.action or "", None)
        return inspect.getdoc(action) or ""

    def get_override_parameters(self) -> list[Any]:
        parameters = [*super().get_override_parameters(), RETRY_AFTER]
        query = self._declared("query_serializers")
        if query is not None:
            parameters.append(query)
        if "{id}" in self.path:
            parameters.append(OpenApiParameter("id", int, OpenApiParameter.PATH))
        if IdempotencyKeyReused in self._domain_errors():
            parameters += IDEMPOTENCY_PARAMETERS
        if self._is_public_read():
            parameters.append(ETAG)
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
        errors: list[type[DomainError]] = [Busy, Unavailable, *self._domain_errors()]
        for error in errors:
            found[error.status][getattr(error, "attr", "")].add(error.code)
            if error.of_several:
                found[error.status][""].add(TOO_MANY_ERRORS.code)
        if any(auth for auth in self.get_auth() or []):
            found[401][""] |= {"not_authenticated", "token_not_valid"}
        if "{" in self.path:
            found[404][""].add("not_found")
        found[403][""].add(HTTPS_REQUIRED.code)
        found[405][""].add("method_not_allowed")
        found[406][""].add("not_acceptable")
        found[500][""].add("error")
        if self.method in {"POST", "PATCH"}:
            found[400][""].add("parse_error")
            for error in (BodyIncomplete, BodyLate, BodyTooLarge):
                found[error.status][""].add(error.code)
            found[415][""].add("unsupported_media_type")
            found[503][""].add(OutcomeUnknown.code)
        if self.view.get_throttles():
            found[429][""].add("throttled")
        return found

    def _validation_codes(self) -> Codes:
        codes: Codes = {"*": {"unknown_field"}, "": {"invalid", TOO_MANY_ERRORS.code}}
        view: Any = self.view
        if view.known_query_parameters():
            codes["*"].add("invalid")
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
        schema = _error_schema(types, every)
        if status not in OWN_TO_AN_OPERATION:
            name = f"Error{status}" + "".join(code.title().replace("_", "") for code in every)
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name, ResolvedComponent.SCHEMA, schema, name
            )
            self.registry.register_on_missing(component)
            schema = component.ref
        return OpenApiResponse(
            schema, description="\n".join(lines), examples=self._examples(codes, status)
        )

    def _examples(self, codes: Codes, status: int) -> list[OpenApiExample]:
        """One for each code of the whole request; of a field's codes, one stands for all."""
        texts = TEXTS | {error.code: error.message for error in self._domain_errors()}
        whole = dict.fromkeys(sorted(codes.get("", set()) - {TOO_MANY_ERRORS.code}))
        chosen = whole if status != 400 else {"unknown_field": "cupon"}
        return [
            OpenApiExample(
                code,
                {
                    "type": error_type(status),
                    "errors": [{"code": code, "detail": str(texts[code]), "attr": attribute}],
                },
            )
            for code, attribute in chosen.items()
        ]


def _has_a_form(field: TextField) -> bool:
    """Whether a text must have a certain form, which the description then says by itself."""
    return any(isinstance(rule, EmailValidator | RegexValidator) for rule in field.validators)


def _extra_codes(inputs: Iterable[Any]) -> Iterable[tuple[str, Iterable[str]]]:
    """The codes that a serializer's own methods raise, as its `extra_error_codes` declares them."""
    for serializer in inputs:
        declared: Mapping[str, Iterable[str]] = getattr(serializer, "extra_error_codes", {})
        yield from declared.items()


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
