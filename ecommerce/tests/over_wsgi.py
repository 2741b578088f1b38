"""Requests handed to the WSGI application as a server would: also such as no test client sends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from ecommerce import wsgi


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def status_code(self) -> int:
        """As the test client's answers name it."""
        return self.status

    def __getitem__(self, header: str) -> str:
        return self.headers[header.lower()]


def ask(method: str, target: str, *, body: bytes = b"", **environ: Any) -> Answer:
    """What the shop answers to a request for `target`: a raw path, with a query or without one."""
    path, _, query = target.partition("?")
    request: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_HOST": "localhost",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.input": BytesIO(body),
    } | environ
    setup_testing_defaults(request)
    started: list[Any] = []
    with _connections_stay_open():
        chunks: Any = wsgi.application(request, lambda *answer: started.append(answer))
        content = b"".join(chunks)
        chunks.close()
    status, headers, *_ = started[-1]
    lowered = {name.lower(): value for name, value in headers}
    return Answer(int(status.partition(" ")[0]), lowered, content)


@contextmanager
def _connections_stay_open() -> Iterator[None]:
    """A request closes connections that are old, as the one of a test's transaction is."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def assert_format(answer: Any) -> None:
    """The answer is JSON of the one format, with nothing in it that the format does not have."""
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert sorted(body) == ["errors", "type"]
    assert 1 <= len(body["errors"]) <= 20
    for error in body["errors"]:
        assert sorted(error) == ["attr", "code", "detail"]
        assert error["detail"]
