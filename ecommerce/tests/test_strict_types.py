"""Each field takes values of its own type only, in every body of every operation.

The kind: a library that is lenient with types (0 as a text, "yes" as a boolean, true as a number).
The fields are those that the OpenAPI description has, so a new one is held to the same.
"""

import json

import pytest
from rest_framework import serializers

from common.api.serializers import BoundedListField, StrictSerializer, TextField
from common.api.views import ApiViewSet
from conftest import client_of
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.openapi import description, operations

pytestmark = pytest.mark.django_db


def nested(depth):
    value = "x"
    for _ in range(depth):
        value = [value]
    return value


ANY = [[], {}, ["x"], {"x": "x"}, [[]], nested(300)]
WRONG = {
    "string": [0, 1, -1, 1.5, True, False, *ANY, "\ud800", "x\udfff", "x\x00y", "x" * 30_000],
    "integer": [
        *(True, False, 1.5, 1e400, -1e400, "1.5", "1e1", "１", "1_0", "0x1", " 1 ", "", "one"),
        *("9" * 5_000, 1.7e308, "-", "--1", "1\x00", "\ud800", *ANY),
    ],
    "boolean": [0, 1, 1.0, "true", "false", "True", "yes", "on", "", None, *ANY],
    "array": [0, True, "x", "[]", {}, {"0": {}}],
    "object": [0, True, "x", "{}", []],
}


def resolve(schema):
    name = schema.get("$ref", "").rpartition("/")[2]
    return description()["components"]["schemas"][name] if name else schema


def types_of(field):
    types = field.get("type") or [kind for one in field["anyOf"] for kind in types_of(one)]
    return types if isinstance(types, list) else [types]


def fields_of(schema, example, path=()):
    """Every field of a body as (path, its types), with those in the first item of each list."""
    for name, field in resolve(schema)["properties"].items():
        field = resolve(field)  # noqa: PLW2901
        types = types_of(field)
        yield (*path, name), types
        if "array" in types:
            yield (*path, name, 0), ["object"]
            yield from fields_of(field["items"], example, (*path, name, 0))


def bodies():
    for (method, path), operation in operations().items():
        if "requestBody" not in operation:
            continue
        content = operation["requestBody"]["content"]["application/json"]
        example = next(iter(content["examples"].values()))["value"]
        for place, types in fields_of(content["schema"], example):
            yield pytest.param(
                method, path, example, place, types, id=f"{path}-{'.'.join(map(str, place))}"
            )


def with_value(body, place, value):
    changed = json.loads(json.dumps(body))
    at = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return changed


@pytest.mark.parametrize(("method", "path", "example", "place", "types"), list(bodies()))
def test_a_field_takes_no_value_of_another_type(make_member, method, path, example, place, types):
    client = client_of(make_member())
    kind = next(one for one in types if one != "null")
    wrong = WRONG[kind] + ([] if "null" in types else [None])
    attr = ".".join(map(str, place))

    with nothing_changes():
        for value in wrong:
            text = json.dumps(with_value(example, place, value)).replace("Infinity", "1e400")
            body = text.encode()
            answer = client.generic(
                method, path.replace("{id}", "1"), body, "application/json; charset=utf-8"
            )

            told = answer.json()
            assert answer.status_code == 400, (place, repr(value)[:50])
            assert told["type"] == "validation_error", (place, repr(value)[:50])
            assert {
                error["attr"].removesuffix(".non_field_errors") for error in told["errors"]
            } == {attr}, (place, repr(value)[:50])


def request_fields():
    """Every field of every serializer that reads what clients send."""
    found = set()
    waiting = [ApiViewSet]
    while waiting:
        viewset = waiting.pop()
        waiting += viewset.__subclasses__()
        for declared in (viewset.request_serializers, viewset.query_serializers):
            found |= set(declared.values())
    fields = []
    todo = [serializer() for serializer in found]
    while todo:
        for field in todo.pop().fields.values():
            child = getattr(field, "child", None)
            inside = [one for one in (field, child) if isinstance(one, serializers.Serializer)]
            todo += inside
            fields += [one for one in (field, child, *inside) if one is not None]
    return fields


def test_every_text_and_every_list_that_is_read_has_a_bound_and_a_type():
    fields = request_fields()

    assert any(isinstance(field, TextField) for field in fields)
    for field in fields:
        if isinstance(field, serializers.CharField):
            assert isinstance(field, TextField), field
        if isinstance(field, serializers.Serializer):
            assert isinstance(field, StrictSerializer), field
        if isinstance(field, serializers.ListField):
            assert isinstance(field, BoundedListField), field
        assert not isinstance(
            field,
            serializers.ListSerializer
            | serializers.DictField
            | serializers.JSONField
            | serializers.FloatField
            | serializers.DecimalField,
        ), field


def test_a_name_that_is_there_twice_is_refused(client):
    bodies = [
        b'{"amount": 1000, "amount": 2000}',
        b'{"amount": 1000, "amount": 1000}',
        rb'{"amount": 1000, "amoun\u0074": 1000}',
        b'{"amount": {"a": 1, "a": 1}}',
    ]
    with nothing_changes():
        for body in bodies:
            answer = client.generic(
                "POST", "/api/v1/users/me/balance/charge/", body, "application/json"
            )

            assert answer.status_code == 400
            assert [error["code"] for error in answer.json()["errors"]] == ["parse_error"]


def test_numbers_that_are_whole_are_taken_however_they_are_written(client):
    for number in (b"1000", b"1000.0", b"1e3", b'"1000"', b"1000.000"):
        answer = client.generic(
            "POST",
            "/api/v1/users/me/balance/charge/",
            b'{"amount": ' + number + b"}",
            "application/json",
        )
        assert (answer.status_code, answer.json()["amount"]) == (201, 1_000)
