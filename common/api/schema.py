"""The OpenAPI description: every operation with each error code it may answer with.

drf-standardized-errors can describe its errors itself, in about ten components per operation; a
client is better served by one type of error for all, and its developer by one list of codes per
status, which is what this builds. The list is open: no schema names a code, so that a client of
today takes one of tomorrow for what it is, an error.
"""

import inspect
from collections import defaultdict
from collections.abc import Iterable, Mapping
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
    PermissionDenied,
    Throttled,
    UnsupportedMediaType,
)

from common.api.idempotency_header import DESCRIBED, HEADER, REPLAYED_HEADER
from common.api.pagination import EXAMPLE_CURSOR, PageParameters
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
    ERRORS_MAX,
    BodyIncomplete,
    BodyLate,
    BodyTooLarge,
    Busy,
    DomainError,
    ErrorItem,
    NotSignedIn,
    OutcomeUnknown,
    Unavailable,
)
from common.http.errors import PROBLEM, TOO_MANY_ERRORS, as_problem, error_body, error_type
from common.http.https import HTTPS_REQUIRED

ERROR_CODES = "x-error-codes"
"""The extension of an error answer that lists the codes it may have, for programs."""

ERROR_ITEM: dict[str, Any] = {
    "type": "object",
    "description": "One thing that is wrong.",
    "required": ["code", "detail", "attr"],
    "properties": {
        "code": {
            "type": "string",
            "description": "For programs. Each operation lists those it may answer with today;"
            " take one that you don't know by the status.",
        },
        "detail": {
            "type": "string",
            "description": "For people, in English or Korean as `Accept-Language` asks.",
        },
        "attr": {
            "type": ["string", "null"],
            "description": "The field or parameter at fault, `items.0.quantity` for one inside.",
        },
        "id": {
            "type": "integer",
            "format": "int64",
            "description": "Only with `coupon_already_issued`: the id of the coupon that you have.",
        },
    },
}
ERROR: dict[str, Any] = {
    "type": "object",
    "description": "What every error answer says.",
    "required": ["type", "errors"],
    "properties": {
        "type": {"type": "string", "enum": ["validation_error", "client_error", "server_error"]},
        "errors": {
            "type": "array",
            "minItems": 1,
            "maxItems": ERRORS_MAX,
            "items": {"$ref": "#/components/schemas/ErrorItem"},
        },
    },
}
PROBLEM_DETAILS: dict[str, Any] = {
    "type": "object",
    "description": "The same, to who accepts `application/problem+json` (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "What the status means."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "The first of `errors`, for people."},
        "code": {"type": "string", "description": "The first of `errors`, for programs."},
        "errors": ERROR["properties"]["errors"],
    },
    "example": as_problem(404, error_body(404, [ErrorItem("not_found", "Not found.")])),
}
COMPONENTS = {"ErrorItem": ERROR_ITEM, "Error": ERROR, "Problem": PROBLEM_DETAILS}

TEXTS: dict[str, Any] = {
    error.default_code: error.default_detail
    for error in (NotAuthenticated, PermissionDenied, NotFound, NotAcceptable, Throttled)
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
        "1 to 255 visible ASCII characters of your choice, in double quotes or without. The same"
        " key and body act once, however often they are sent.",
        pattern=DESCRIBED,
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
OPENS_IN = _header(
    "Retry-After",
    "Seconds until it opens, if it will.",
    type=int,
    response=[409],
)


class AutoSchema(openapi.AutoSchema):
    def _get_response_bodies(self, direction: Direction = "response") -> Any:
        responses = super()._get_response_bodies(direction=direction)
        for status, codes in sorted(self._errors_by_status().items()):
            if str(status) not in responses:
                response = self._error_response(status, codes)
                described = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    response, str(status)
                )
                described["content"][PROBLEM] = {"schema": self._component("Problem")}
                described[ERROR_CODES] = sorted(set().union(*codes.values()))
                responses[str(status)] = described
        if self._is_list_view():
            self._name_the_list(responses["200"])
        if self._is_public_read():
            responses["304"] = {"description": "It is what `If-None-Match` names."}
        return responses

    def _name_the_list(self, response: dict[str, Any]) -> None:
        """Let the examples of a page lead on to the next page of this very list."""
        for example in response["content"]["application/json"]["examples"].values():
            page = example["value"]
            if "results" in page:
                page["next"] = f"https://shop.example{self.path}?cursor={EXAMPLE_CURSOR}"
                page["previous"] = None

    def _is_public_read(self) -> bool:
        return self.method == "GET" and {} in (self.get_auth() or [])

    def get_request_serializer(self) -> Any:
        """The body that the view declares; None for one that takes no fields."""
        serializer = self._declared("request_serializers")
        return None if serializer in (None, NoFields) else serializer

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        instance = force_instance(serializer)  # type: ignore[no-untyped-call]
        if isinstance(instance, StrictSerializer):
            schema["additionalProperties"] = False
        if type(instance).__doc__ is None:
            schema.pop("description", None)  # it is of another class that this one is made from
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

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        for rule in field.validators:
            if hasattr(rule, "described"):
                schema["pattern"] = rule.described
        if "oneOf" in schema and isinstance(field, serializers.EmailField):
            # An address or none. What the library says of it is refused by validators: an empty
            # text is of both its kinds where they don't look at formats, and no default of either.
            address, _none = schema.pop("oneOf")
            address.pop("default", None)
            schema["anyOf"] = [address, {"type": "string", "enum": [""]}]

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
        if any(error.says_when for error in self._domain_errors()):
            parameters.append(OPENS_IN)
        return parameters

    def _domain_errors(self) -> tuple[type[DomainError], ...]:
        of_staff = (NotSignedIn,) if hasattr(self.view, "staff_permission") else ()
        return (*of_staff, *(self._declared("domain_errors") or ()))

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
        if hasattr(self.view, "staff_permission"):
            found[403][""].add(PermissionDenied.default_code)
        found[405][""].add("method_not_allowed")
        found[406][""].add("not_acceptable")
        found[500][""].add("error")
        if self.method in {"POST", "PATCH"}:
            found[400][""].add("parse_error")
            for error in (BodyIncomplete, BodyLate, BodyTooLarge):
                found[error.status][""].add(error.code)
            found[415][""].add("unsupported_media_type")
            found[503][""].add(OutcomeUnknown.code)
        found[429][""].add(Throttled.default_code)  # whether it is, operators decide
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
        plain = sorted(codes.get("", ()))
        lines = [", ".join(f"`{code}`" for code in plain)] if plain else []
        lines += [
            f"- `{attribute}`: {', '.join(f'`{code}`' for code in sorted(codes[attribute]))}"
            for attribute in sorted(codes)
            if attribute
        ]
        return OpenApiResponse(
            self._component("Error"),
            description="\n".join(lines),
            examples=self._examples(codes, status),
        )

    def _component(self, name: str) -> dict[str, Any]:
        """A reference to one of the types of errors."""
        for each, schema in COMPONENTS.items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                each, ResolvedComponent.SCHEMA, schema, each
            )
            self.registry.register_on_missing(component)
        return {"$ref": f"#/components/schemas/{name}"}

    def _examples(self, codes: Codes, status: int) -> list[OpenApiExample]:
        """One for each code of the whole request; of a field's codes, one stands for all."""
        texts = TEXTS | {error.code: error.message for error in self._domain_errors()}
        named = {error.code: {"id": 41} for error in self._domain_errors() if error.names_what}
        whole = dict.fromkeys(sorted(codes.get("", set()) - {TOO_MANY_ERRORS.code}))
        chosen = whole if status != 400 else {"unknown_field": "cupon"}
        return [
            OpenApiExample(
                code,
                {
                    "type": error_type(status),
                    "errors": [
                        {
                            "code": code,
                            "detail": str(texts[code]),
                            "attr": attribute,
                            **named.get(code, {}),
                        }
                    ],
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


INT32_MAX = 2**31 - 1


def finish(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Give each integer that may be larger than 32 bits its format: clients choose types by it.

    A hook of drf-spectacular, over the whole description: no field can be forgotten.
    """
    for schema in _schemas_in(result):
        schema.pop("x-spec-enum-id", None)  # for another hook of the library's
        types = schema.get("type")
        is_integer = "integer" in types if isinstance(types, list) else types == "integer"
        if is_integer and schema.get("maximum", INT32_MAX + 1) > INT32_MAX:
            schema["format"] = "int64"
    return result


def _schemas_in(node: Any) -> Iterable[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for key, child in node.items():
            if key not in {"example", "examples", "enum"}:
                yield from _schemas_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from _schemas_in(child)
