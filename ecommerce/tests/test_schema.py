"""The OpenAPI description: complete, true, and served without any help from elsewhere."""

import re

import pytest
import schemathesis
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from jsonschema_rs import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from conftest import client_of
from ecommerce.api_description import _document
from ecommerce.tests.expectations import refusal, refused
from ecommerce.tests.openapi import assert_described, description, operations

PROBLEM = "application/problem+json"
PAGED = {"cursor", "page_size"}
MONEY = {409: {"insufficient_balance", "out_of_stock", "too_many_errors", "coupon_not_usable"}}
TOKEN = {401: {"not_authenticated", "token_not_valid"}}
MEMBER = {401: TOKEN[401] | {"user_inactive"}}
FOUND = {404: {"not_found"}}
KEYED = {422: {"idempotency_key_reused"}}

# Each operation of the contract: who may, its parameters, its success, and its own error codes.
CONTRACT = {
    ("POST", "auth/signup/"): (
        "anyone",
        set(),
        201,
        {
            400: {"unique", "required", "blank", "invalid", "max_length"}
            | {"password_too_short", "password_too_common"}
            | {"password_entirely_numeric", "password_too_similar"}
        },
    ),
    ("POST", "auth/token/"): ("anyone", set(), 200, {401: {"no_active_account"}}),
    ("POST", "auth/token/refresh/"): ("anyone", set(), 200, {401: {"token_not_valid"}}),
    ("POST", "auth/token/revoke/"): ("anyone", set(), 200, {401: {"token_not_valid"}}),
    ("GET", "users/me/"): ("member", set(), 200, MEMBER),
    ("PATCH", "users/me/"): ("member", set(), 200, MEMBER | {400: {"invalid", "max_length"}}),
    ("POST", "users/me/password/"): (
        "member",
        set(),
        200,
        MEMBER
        | {
            400: {"password_incorrect", "required", "blank", "max_length", "password_too_short"}
            | {"password_too_common", "password_entirely_numeric", "password_too_similar"}
        },
    ),
    ("GET", "users/me/balance/"): ("member", set(), 200, TOKEN),
    ("POST", "users/me/balance/charge/"): (
        "member",
        {"Idempotency-Key"},
        201,
        MEMBER
        | KEYED
        | {400: {"min_value", "max_value", "required", "invalid"}, 409: {"balance_limit_exceeded"}},
    ),
    ("GET", "users/me/balance/transactions/"): ("member", PAGED, 200, TOKEN),
    ("GET", "users/me/coupons/"): ("member", PAGED | {"status"}, 200, {400: {"invalid_choice"}}),
    ("GET", "products/"): (
        "anyone",
        PAGED | {"search", "category", "min_price", "max_price", "in_stock", "ordering", "ids"},
        200,
        {400: {"invalid_choice", "min_value", "invalid"}},
    ),
    ("GET", "products/{id}/"): ("anyone", {"id"}, 200, FOUND),
    ("GET", "categories/"): ("anyone", PAGED, 200, {}),
    ("GET", "coupons/"): ("anyone", PAGED | {"is_open"}, 200, {}),
    ("GET", "coupons/{id}/"): ("anyone", {"id"}, 200, FOUND),
    ("POST", "coupons/{id}/issue/"): (
        "member",
        {"id"},
        201,
        MEMBER | FOUND | {409: {"coupon_sold_out", "coupon_already_issued", "coupon_not_open"}},
    ),
    ("GET", "orders/"): ("member", PAGED | {"status", "since", "until"}, 200, TOKEN),
    ("POST", "orders/"): (
        "member",
        {"Idempotency-Key"},
        201,
        MEMBER | KEYED | MONEY | {400: {"does_not_exist", "empty", "max_length", "max_value"}},
    ),
    ("GET", "orders/{id}/"): ("member", {"id"}, 200, TOKEN | FOUND),
    ("POST", "orders/{id}/cancel/"): (
        "member",
        {"id"},
        200,
        MEMBER | FOUND | {409: {"order_not_cancellable", "balance_limit_exceeded"}},
    ),
    ("GET", "stats/top-products/"): (
        "anyone",
        {"days", "limit", "category"},
        200,
        {400: {"min_value", "max_value", "invalid", "invalid_choice"}},
    ),
    ("GET", "events/"): (
        "staff",
        {"after", "page_size"},
        200,
        TOKEN
        | {
            400: {"min_value", "max_value", "invalid"},
            403: {"permission_denied"},
            410: {"events_gone"},
        },
    ),
}
OPERATIONS = pytest.mark.parametrize(("method", "path"), list(CONTRACT))


def operation_of(method, path):
    return operations()[method, f"/api/v1/{path}"]


def resolve(schema):
    """The schema that a reference means."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return description()["components"]["schemas"][name] if name else schema


def codes_of(response):
    """The error codes that a described error answer may have."""
    return set(response["x-error-codes"])


# --- Complete -----------------------------------------------------------------------------------


def test_it_is_generated_without_a_warning_and_is_valid(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "api.yaml"))


def test_it_describes_the_contract_and_nothing_else():
    assert set(operations()) == {(method, f"/api/v1/{path}") for method, path in CONTRACT}
    assert description()["openapi"].startswith("3.1")


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does():
    names = [operation["operationId"] for operation in operations().values()]

    assert len(set(names)) == len(CONTRACT)
    assert all(operation["summary"] and operation["tags"] for operation in operations().values())


@OPERATIONS
def test_an_operation_says_who_may_and_which_parameters_it_takes(method, path):
    who, parameters, _, _ = CONTRACT[method, path]
    operation = operation_of(method, path)

    assert {one["name"] for one in operation.get("parameters", [])} == parameters
    assert ({} in operation["security"]) == (who == "anyone")
    if who == "member":
        assert operation["security"] == [{"bearerAuth": []}]


@OPERATIONS
def test_every_error_code_of_an_operation_is_listed(method, path):
    who, _, success, own = CONTRACT[method, path]
    responses = operation_of(method, path)["responses"]
    listed = {int(status): codes_of(one) for status, one in responses.items() if status >= "400"}
    expected = {
        400: {"unknown_field", "too_many_errors"},
        405: {"method_not_allowed"},
        429: {"throttled"},
        406: {"not_acceptable"},
        500: {"error"},
        503: {"busy", "unavailable"},
    }
    if method in {"POST", "PATCH"}:
        expected |= {413: {"request_too_large"}, 415: {"unsupported_media_type"}}
        expected |= {408: {"request_timeout"}}
        expected[400] |= {"parse_error", "incomplete_body"}
        expected[503] = {"busy", "unavailable", "outcome_unknown"}

    for status, codes in [*expected.items(), *own.items()]:
        assert codes <= listed[status], status
    not_modified = [304] if who == "anyone" and method == "GET" else []
    assert set(responses) == {str(status) for status in (success, *not_modified, *listed)}
    for status in (404, 409, 422):  # those of the domain are listed where they may come only
        assert listed.get(status, set()) == own.get(status, set())


@OPERATIONS
def test_every_body_and_answer_has_an_example_that_is_valid(method, path):
    operation = operation_of(method, path)
    contents = [
        response["content"]
        for status, response in operation["responses"].items()
        if status != "304"  # which has none
    ]
    takes_a_body = method in {"POST", "PATCH"} and "{id}" not in path
    assert ("requestBody" in operation) == takes_a_body
    if takes_a_body:
        contents.append(operation["requestBody"]["content"])

    for content in contents:
        assert set(content) in ({"application/json"}, {"application/json", PROBLEM})
        described = content["application/json"]
        schema = described["schema"] | {"components": description()["components"]}
        assert described["examples"]
        for example in described["examples"].values():
            Draft202012Validator(schema, validate_formats=True).validate(example["value"])


@pytest.mark.parametrize(
    "path", [path for method, path in CONTRACT if method == "POST" and "{id}" not in path]
)
def test_a_body_is_described_as_strictly_as_it_is_read(path):
    content = operation_of("POST", path)["requestBody"]["content"]["application/json"]

    assert resolve(content["schema"])["additionalProperties"] is False


# --- Of use to clients ----------------------------------------------------------------------------


def schemas_in(node):
    """Every schema of the description, with those that are inside of others."""
    if isinstance(node, dict):
        yield node
        for key, child in node.items():
            if key not in {"example", "examples"}:
                yield from schemas_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from schemas_in(child)


def test_an_integer_says_so_when_it_may_exceed_32_bits():
    integers = [one for one in schemas_in(description()) if "integer" in str(one.get("type"))]

    assert len(integers) > 50
    for schema in integers:
        is_small = schema.get("maximum", 2**31) < 2**31
        assert (schema.get("format") == "int64") is not is_small, schema


def test_there_is_one_type_of_error_and_its_codes_are_open():
    schemas = description()["components"]["schemas"]
    named = {name for name in schemas if "error" in name.lower() or "problem" in name.lower()}
    described = [
        response
        for operation in operations().values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]

    assert named == {"Error", "ErrorItem", "Problem"}
    assert "enum" not in schemas["ErrorItem"]["properties"]["code"]
    for response in described:
        assert {media: one["schema"] for media, one in response["content"].items()} == {
            "application/json": {"$ref": "#/components/schemas/Error"},
            PROBLEM: {"$ref": "#/components/schemas/Problem"},
        }
        assert all(f"`{code}`" in response["description"] for code in response["x-error-codes"])


def test_every_value_that_a_schema_shows_is_valid_by_it():
    known = {"components": description()["components"]}
    shown = [
        (schema, schema[word])
        for schema in schemas_in(description())
        for word in ("default", "example")
        if word in schema and {"type", "anyOf"} & set(schema)
    ]

    assert len(shown) > 10
    for schema, value in shown:
        Draft202012Validator(schema | known, validate_formats=True).validate(value)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "is_valid"),
    [("", True), ("minji@example.com", True), ("minji", False), ("m@x." + "y" * 300, False)],
)
def test_an_address_is_described_as_it_is_taken(api, email, is_valid):
    schema = resolve(body_of("auth/signup/")) | {"components": description()["components"]}
    body = {"username": "민지", "password": "correct horse battery", "email": email}

    assert Draft202012Validator(schema, validate_formats=True).is_valid(body) == is_valid
    answer = api.post("/api/v1/auth/signup/", body)
    assert answer.status_code == (201 if is_valid else 400)


USERNAMES = {
    **dict.fromkeys(["민지", "minji", "Zoë", "李小龍", "さくら", "a.b@c+d-e_f", "𠮷野", "7"], True),
    **dict.fromkeys(["min ji", "a/b", "a#", "", "민지!", "a\u200bb", "€", "😀\u2028"], False),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "is_valid"), USERNAMES.items())
def test_the_pattern_of_a_name_means_the_same_in_every_dialect(api, name, is_valid):
    pattern = resolve(body_of("auth/signup/"))["properties"]["username"]["pattern"]

    assert "\\w" not in pattern  # ASCII in JavaScript
    assert "\\p" not in pattern  # a letter without the flag `u`
    for flags in (0, re.ASCII):
        assert bool(re.search(pattern, name, flags)) == is_valid
    answer = api.post("/api/v1/auth/signup/", {"username": name, "password": "correct horse b"})
    assert answer.status_code == (201 if is_valid else 400)


def test_pages_and_choices_are_described_as_they_are_taken():
    of = {one["name"]: one["schema"] for one in operation_of("GET", "products/")["parameters"]}

    assert (of["page_size"]["minimum"], of["page_size"]["maximum"]) == (1, 100)
    assert of["in_stock"] == {"type": "boolean"}
    assert description()["servers"]


def test_what_says_when_has_its_header():
    responses = operation_of("POST", "coupons/{id}/issue/")["responses"]

    assert {status for status, one in responses.items() if "Retry-After" in one.get("headers", ())}
    for status in ("409", "429", "503"):
        assert "Retry-After" in responses[status]["headers"]
    assert "headers" not in operation_of("POST", "orders/{id}/cancel/")["responses"]["409"]


def body_of(path):
    return operation_of("POST", path)["requestBody"]["content"]["application/json"]["schema"]


# --- True ---------------------------------------------------------------------------------------

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", list(GenerationMode))
@OPERATIONS
def test_whatever_is_sent_is_answered_as_described(
    method, path, mode, client, make_product, coupon
):
    make_product(price=10, stock=1_000)
    api = schemathesis.openapi.from_dict(description())
    api.app = get_wsgi_application()
    headers = {"Authorization": client._credentials["HTTP_AUTHORIZATION"]}

    @bounded(
        max_examples=10,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[f"/api/v1/{path}"][method].as_strategy(generation_mode=mode))
    def send(case):
        case.call_and_validate(checks=CHECKS, headers=headers)

    send()


@pytest.mark.django_db
def test_an_answer_that_is_not_described_is_noticed(api, product):
    answer = api.get("/api/v1/products/")
    assert answer.status_code == 200
    assert_described(answer)

    answer.status_code = 418
    with pytest.raises(AssertionError, match="418 is not described"):
        assert_described(answer)
    answer.status_code = 200
    answer.content = b'{"next": null, "previous": null, "results": [{"id": "x"}]}'
    with pytest.raises(AssertionError, match="described otherwise"):
        assert_described(answer)


# --- Served -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_pages_need_nothing_from_elsewhere(api, path):
    answer = api.get(path)
    page = answer.content.decode()

    assert answer.status_code == 200
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//[^"']*""", page) == []
    assets = re.findall(r"""(?:src|href)=["']/static/([^"']*)""", page)
    assert assets
    assert [asset for asset in assets if finders.find(asset) is None] == []
    assert "/api/schema/" in page


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("*/*", "application/vnd.oai.openapi; charset=utf-8"),
    ],
)
def test_the_description_is_served_in_json_and_yaml_to_anyone(accept, content_type):
    answer = client_of().get("/api/schema/", headers={"Accept": accept})

    assert (answer.status_code, answer["Content-Type"]) == (200, content_type)
    assert "/api/v1/coupons/{id}/issue/" in answer.content.decode()


FORMS = ["application/json", "application/yaml", "application/vnd.oai.openapi+json", "*/*"]


@pytest.fixture
def builds(monkeypatch):
    """How often the description was built since here."""
    _document.cache_clear()
    built = []
    get_schema = SchemaGenerator.get_schema

    def count(self, *args, **kwargs):
        built.append(get_language())
        return get_schema(self, *args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", count)
    yield built
    _document.cache_clear()


@pytest.mark.django_db
def test_the_description_is_built_once_in_each_form_and_language(api, builds):
    for _ in range(3):
        for accept in FORMS:
            assert api.get("/api/schema/", headers={"Accept": accept}).status_code == 200
        api.get("/api/schema/", headers={"Accept-Language": "ko"})
        api.head("/api/schema/")
    assert builds == ["en"] * 4

    for language in ("ko", "en"):
        assert api.get("/api/schema/", {"lang": language}).status_code == 200
    for language in ("xx", "", "ko" * 1_000, "\x00"):
        answer = api.get("/api/schema/", {"lang": language})
        assert refusal(answer) == refused(400, "invalid_choice", "lang")
    assert builds == ["en"] * 4 + ["ko"]


@pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/", "/api/redoc/"])
@pytest.mark.parametrize("name", ["x", "version", "format", "Lang"])
def test_the_pages_take_no_parameter_that_is_not_known(api, path, name):
    answer = api.get(path, {"lang": "ko", name: "json"})
    assert refusal(answer) == refused(400, "unknown_field", name)
    assert api.get(path, {"lang": "ko"}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("accept", FORMS)
def test_who_has_the_description_is_not_sent_it_again(api, accept):
    first = api.get("/api/schema/", headers={"Accept": accept})

    again = api.get("/api/schema/", headers={"Accept": accept, "If-None-Match": first["ETag"]})
    other = api.get("/api/schema/", headers={"Accept": accept, "If-None-Match": '"other"'})

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["X-Request-ID"]
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.django_db
def test_each_form_of_the_description_has_its_own_etag(api):
    answers = [api.get("/api/schema/", headers={"Accept": one}) for one in FORMS]

    assert len({answer["ETag"] for answer in answers}) == 2  # JSON and YAML
    assert all("Accept" in answer["Vary"] for answer in answers)
    packed = api.get("/api/schema/", headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
