"""The real server, as `make run` starts it, on an empty shop in SQLite."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks.stack import Database, Server, database, manage, server
from ecommerce.tests.serving.wire import Wire

TIMEOUT_SECONDS = 2
"""How long a client may take here to send its request."""


@pytest.fixture(scope="session")
def shop_database() -> Iterator[Database]:
    with database("sqlite") as db:
        manage(db, "migrate", "--verbosity=0")
        yield db


@pytest.fixture(scope="session")
def start(shop_database: Database, tmp_path_factory: Any) -> Callable[..., Any]:
    """Starts a server whose views can be made to wait."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "ecommerce.tests.serving.settings",
        # Without collected files they are served from where they are written.
        "STATIC_ROOT": str(tmp_path_factory.mktemp("static") / "none"),
        "REQUEST_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "IMPORT_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS * 2),
        "LOG_LEVEL": "INFO",
        "PIN_WORKERS": "0",
    }
    return lambda **more: server(shop_database, **(variables | more))


@pytest.fixture(scope="session")
def one(start: Callable[..., Any]) -> Iterator[Server]:
    """A server of one process, so that what one request says another hears."""
    with start(
        WORKERS="1", THREADS="2", WRITE_THREADS="2", ACCOUNT_THREADS="2", STAFF_THREADS="2"
    ) as running:
        yield running


@pytest.fixture(scope="session")
def two(start: Callable[..., Any]) -> Iterator[Server]:
    """A server of two processes, as it comes."""
    with start() as running:
        yield running


@pytest.fixture
def connect(request: Any) -> Iterator[Callable[..., Wire]]:
    """Opens connections, closed at the end of the test."""
    opened: list[Wire] = []

    def connect(running: Server, **options: Any) -> Wire:
        opened.append(Wire(running.port, **options))
        return opened[-1]

    yield connect
    for wire in opened:
        wire.socket.close()


def lines_of(running: Server, request_id: str) -> list[dict[str, Any]]:
    """The log lines of that request."""
    lines = (json.loads(line) for line in running.printed().splitlines() if line.startswith("{"))
    return [line for line in lines if line.get("request_id") == request_id]


def await_line(running: Server, request_id: str) -> dict[str, Any]:
    """The log line of a request that nobody waits for; each look asks the server something."""
    for _ in range(1_000):
        with Wire(running.port) as wire:
            wire.request("GET /health/live").answer()
        if lines := lines_of(running, request_id):
            return lines[0]
    raise AssertionError(f"no line of {request_id}: {running.printed()}")
