"""The front by itself: what no client can bring about."""

import asyncio
import json
from typing import Any

import pytest

from ecommerce.front import Front


class Scope:
    """A request of which nothing can be read but its line."""

    method = "GET"

    def __init__(self, path: str) -> None:
        self.path = path

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("hunter2")


class Protocol:
    """Keeps what is answered."""

    answer: tuple[int, dict[str, str], bytes]

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = status, dict(headers), body


@pytest.mark.parametrize("path", ["/api/v1/products/", "/admin/"])
def test_what_fails_in_the_front_itself_is_answered_like_any_bug(path, caplog):
    protocol = Protocol()

    asyncio.run(Front().__rsgi__(Scope(path), protocol))

    status, headers, body = protocol.answer
    assert status == 500
    assert len(headers["X-Request-ID"]) == 32
    assert b"hunter2" not in body
    assert "hunter2" in caplog.text
    if path.startswith("/api/"):
        assert [error["code"] for error in json.loads(body)["errors"]] == ["error"]
    else:
        assert headers["Content-Type"].startswith("text/html")
