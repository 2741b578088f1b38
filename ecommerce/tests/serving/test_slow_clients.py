"""Nobody who sends slowly, or reads slowly, holds up who is quick."""

import select
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from benchmarks.stack import Server
from ecommerce.tests.serving.conftest import TIMEOUT_SECONDS, lines_of
from ecommerce.tests.serving.wire import Wire, chunk

AT_ONCE = 1.0
"""Seconds. Without the slow ones it is a few milliseconds; none of them is cut off by then."""
SIGNUP, TOKEN, ORDERS = "/api/v1/auth/signup/", "/api/v1/auth/token/", "/api/v1/orders/"
QUICK = [
    ("GET /health/live", 200),
    ("GET /health/ready", 200),
    ("GET /api/v1/products/", 200),
    ("GET /api/v1/users/me/", 401),
    ("GET /admin/login/", 200),
    ("GET /static/ecommerce/admin.css", 200),
]

Connect = Callable[..., Wire]


def ask_all(running: Server, connect: Connect) -> None:
    """Whoever is quick, anywhere in the shop, is answered as if nothing were."""
    for line, status in QUICK:
        started = time.monotonic()
        assert connect(running).request(line).answer().status == status
        assert time.monotonic() - started < AT_ONCE, line
    body = b'{"username": "", "password": ""}'
    started = time.monotonic()
    assert connect(running).post(TOKEN, "Content-Type: application/json", body=body).answer()
    assert time.monotonic() - started < AT_ONCE


def with_length(wire: Wire, line: str) -> None:
    wire.request(line, "Content-Length: 60", body=b'{"username": "half')


def in_chunks(wire: Wire, line: str) -> None:
    wire.request(line, "Transfer-Encoding: chunked", body=chunk(b'{"username": "half'))


def announced(wire: Wire, line: str) -> None:
    wire.request(line, "Content-Length: 60", "Expect: 100-continue")
    assert wire.answer().status == 100


HALF_SENT = [with_length, in_chunks, announced]
LINES = [
    *(f"POST {path}" for path in (SIGNUP, ORDERS, "/admin/login/", "/nothing/", "/health/live")),
    *(f"GET {path}" for path in ("/static/ecommerce/admin.css", "/api/v1/products/")),
]


def half_sent(running: Server, connect: Connect, number: int) -> list[Wire]:
    wires = [connect(running) for _ in range(number)]
    for place, wire in enumerate(wires):
        HALF_SENT[place % len(HALF_SENT)](wire, LINES[place % len(LINES)])
    return wires


def test_ninety_halves_of_a_body_hold_up_nobody_and_are_cut_off(two, connect):
    wires = half_sent(two, connect, 90)

    ask_all(two, connect)

    assert all(wire.is_silent() for wire in wires), "they were refused before their time"
    for place, wire in enumerate(wires):
        answer = wire.answer()
        assert answer.status == 408
        path = LINES[place % len(LINES)].split()[1]
        if path.startswith("/api/"):
            assert answer.json()["type"] == "client_error"
            assert answer.codes == ["request_timeout"]
        assert wire.is_closed()
        (line,) = lines_of(two, answer.headers["x-request-id"])
        assert (line["status"], line["path"]) == (408, path)
        assert line["duration_ms"] >= TIMEOUT_SECONDS * 1_000


def test_a_client_that_sends_a_byte_now_and_then_has_no_more_time(two, connect):
    wire = connect(two).request(f"POST {ORDERS}", "Content-Length: 60")
    until = time.monotonic() + TIMEOUT_SECONDS * 4
    wire.socket.settimeout(TIMEOUT_SECONDS / 10)
    while time.monotonic() < until:
        try:
            answer = wire.answer()
            break
        except TimeoutError:
            wire.socket.sendall(b" ")

    assert answer.status == 408


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("GET /api/v1/products/ HTTP/1.1",),
        ("POST /api/v1/orders/ HTTP/1.1", "Host: localhost", "Content-Length: 60"),
    ],
    ids=["nothing", "a line", "most of a head"],
)
def test_a_thousand_halves_of_a_head_hold_up_nobody_and_are_cut_off(two, connect, lines):
    wires = [connect(two).send(*lines) for _ in range(1_000)]

    ask_all(two, connect)

    assert all(wire.is_silent() for wire in wires[-100:])
    assert all(wire.is_closed() for wire in wires)


def test_whoever_does_not_read_holds_up_nobody_and_is_cut_off(two, connect):
    file = "GET /static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    wires = [connect(two, receive_buffer=4_096) for _ in range(200)]
    for wire in wires:
        for _ in range(4):
            wire.request(file)

    ask_all(two, connect)

    for wire in wires:
        assert is_cut_off(wire)


def is_cut_off(wire: Wire) -> bool:
    """Whether the server is found to have given the connection up, by a client that never reads.

    It tells nobody when it does; who sends to it then hears so.
    """
    events = select.poll()
    events.register(wire.socket, select.POLLRDHUP)
    for _ in range(100):
        if events.poll(100):
            return True
        with suppress(ConnectionError):
            wire.socket.sendall(b"\r\n")
    return False


def test_idle_connections_are_closed_too(two, connect):
    wire = connect(two)
    assert wire.request("GET /health/live").answer().status == 200
    assert wire.is_closed()
