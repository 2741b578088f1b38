"""Whether an answer is one that the OpenAPI description announces."""

import gzip
import json
import re
from functools import cache
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema_rs import Draft202012Validator
from rest_framework.response import Response
from rest_framework.test import APIClient

Operation = dict[str, Any]


@cache
def description() -> dict[str, Any]:
    """The description, as a client reads it."""
    generated = SchemaGenerator().get_schema(request=None, public=True)
    read: dict[str, Any] = json.loads(json.dumps(generated))
    return read


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """Every operation, by its method and path template."""
    return {
        (method.upper(), path): operation
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    }


@cache
def _operation_of(method: str, path: str) -> tuple[str, str] | None:
    """The operation that a request means; None for a path or method that is not described."""
    for described, template in operations():
        pattern = re.sub(r"\\{\w+\\}", "[0-9]{1,18}", re.escape(template))
        if described == method and re.fullmatch(pattern, path):
            return described, template
    return None


@cache
def _validator(method: str, template: str, status: int, media: str) -> Draft202012Validator:
    schema = operations()[method, template]["responses"][str(status)]["content"][media]["schema"]
    # The references in it point to the document's components.
    whole = {**schema, "components": description()["components"]}
    return Draft202012Validator(whole, validate_formats=True)


def assert_described(answer: Response) -> None:
    """Fails unless the operation has such an answer: its status, its fields, its error codes.

    A path that does not exist or does not know the method has no description to compare with.
    """
    asked: Any = answer.request  # set by the test client
    operation = _operation_of(asked["REQUEST_METHOD"], asked["PATH_INFO"])
    if operation is None:
        return
    place = f"{' '.join(operation)} → {answer.status_code}"
    if answer.status_code == 304:
        assert "304" in operations()[operation]["responses"], place
        return
    described = operations()[operation]["responses"].get(str(answer.status_code))
    assert described is not None, f"{place} is not described"
    media = answer["Content-Type"]
    assert media in described["content"], f"{place} is not described as {media}"
    packed = answer.get("Content-Encoding") == "gzip"
    body = json.loads(gzip.decompress(answer.content) if packed else answer.content)
    validator = _validator(*operation, answer.status_code, media)
    errors = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(body)]
    assert errors == [], f"{place} is described otherwise"
    if answer.status_code >= 400:
        codes = {error["code"] for error in body["errors"]}
        assert codes <= set(described["x-error-codes"]), f"{place} has another code"


@pytest.fixture(autouse=True)
def every_answer_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds every answer that a test gets to the description, and to say who may store it."""
    request = APIClient.request
    operations()  # generated here: not by all the threads of a race at once

    def request_and_compare(self: APIClient, **kwargs: Any) -> Response:
        answer: Response = request(self, **kwargs)
        assert_described(answer)
        assert "Cache-Control" in answer, answer.request["PATH_INFO"]
        return answer

    monkeypatch.setattr(APIClient, "request", request_and_compare)
