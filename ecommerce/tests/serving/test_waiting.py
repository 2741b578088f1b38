"""What waits holds nothing that others need, and its answer is as any other."""

from collections.abc import Callable
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.utils import translation

from benchmarks.stack import Server
from common.errors import Busy
from ecommerce.health import READY_SECONDS
from ecommerce.tests.serving.conftest import await_line, lines_of
from ecommerce.tests.serving.wire import CHUNKS, TIMEOUT_SECONDS, Wire

Connect = Callable[..., Wire]
GATES = "/api/v1/gates"


@pytest.fixture
def gate(one, connect):
    """A gate of the test's own, and how to open it."""
    name = uuid4().hex
    opened = []

    def open_with(word: str) -> None:
        opened.append(word)
        path = quote(f"/health/gates/{name}/{word}/")
        assert connect(one).request(f"GET {path}").answer().status == 200

    open_with.name = name
    yield open_with
    if not opened:  # the test has failed: nothing of it may stay behind
        open_with("over")


def later(one: Server, connect: Connect, gate: str, *headers: str) -> Wire:
    return connect(one).request(f"POST {GATES}/{gate}/later/", *headers)


def test_more_may_wait_than_there_are_threads(one, connect, gate):
    wires = [later(one, connect, gate.name) for _ in range(200)]

    assert connect(one).request("GET /api/v1/products/").answer().status == 200
    assert connect(one).post("/api/v1/auth/token/", body=b"{").answer().status == 415
    assert all(wire.is_silent() for wire in wires)

    gate("yes")
    assert [wire.answer().json() for wire in wires] == [{"word": "yes"}] * 200


def test_an_answer_that_was_waited_for_is_as_any_other(one, connect, gate):
    wire = later(one, connect, gate.name, "X-Request-ID: mine", "Accept-Language: ko")
    plain = connect(one).request("OPTIONS /api/v1/categories/").answer()
    gate("네")

    answer = wire.answer()

    assert (answer.status, answer.json()) == (201, {"word": "네"})
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["allow"] == "POST, OPTIONS"
    for name in ("x-frame-options", "x-content-type-options"):
        assert answer.headers[name] == plain.headers[name]
    assert "content-language" not in answer.headers
    (line,) = lines_of(one, "mine")
    assert (line["status"], line["member_id"]) == (201, None)
    wire.request("GET /health/live")  # and the connection goes on
    assert wire.answer().status == 200


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_refusal_that_was_waited_for_is_as_any_other(one, connect, gate, language):
    wire = later(one, connect, gate.name, f"Accept-Language: {language}")
    gate("busy")

    answer = wire.answer()

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-language"] == language
    assert "Accept-Language" in answer.headers["vary"]
    assert answer.codes == ["busy"]
    with translation.override(language):
        assert answer.json()["errors"][0]["detail"] == str(Busy.message)
    (line,) = lines_of(one, answer.headers["x-request-id"])
    assert line["status"] == 503


def test_a_bug_that_was_waited_for_is_as_any_other(one, connect, gate):
    wire = later(one, connect, gate.name)
    gate("bug")

    answer = wire.answer()

    assert (answer.status, answer.codes) == (500, ["error"])
    lines = lines_of(one, answer.headers["x-request-id"])
    assert {line.get("status") for line in lines} == {None, 500}
    assert any("ZeroDivisionError" in line.get("exception", "") for line in lines)


def test_who_goes_away_leaves_the_work_to_go_on(one, connect, gate):
    wire = later(one, connect, gate.name, "X-Request-ID: gone")
    connect(one).request("GET /health/live").answer()
    wire.socket.close()
    gate("yes")

    assert await_line(one, "gone")["status"] == 201


def test_the_line_tells_how_long_was_waited(one, connect, gate):
    wire = later(one, connect, gate.name, "X-Request-ID: long")
    while connect(one).request(f"GET /health/gates/{gate.name}/").answer().body != b"waits":
        pass
    wire.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):  # while the gate is closed
        wire.answer()
    wire.socket.settimeout(TIMEOUT_SECONDS)
    gate("yes")
    wire.answer()

    (line,) = lines_of(one, "long")
    assert line["duration_ms"] >= 300


# --- Each pool by itself ------------------------------------------------------------------------

HELD = {
    "reads": (f"GET {GATES}/%s/wait/", ["GET /api/v1/products/"]),
    "searches": (f"GET {GATES}/%s/wait/?search=x", ["GET /api/v1/products/?search=x"]),
    "writes": (f"POST {GATES}/%s/wait/", ["POST /api/v1/coupons/1/issue/"]),
    "accounts": (
        "POST /api/v1/auth/gates/%s/wait/",
        ["POST /api/v1/auth/token/refresh/", "PATCH /api/v1/users/me/"],
    ),
    "pages": ("GET /gates/%s/", ["GET /admin/login/"]),
}
ANSWERED = (200, 400, 401)
NEVER_HELD = ["GET /health/live", "GET /health/ready", "GET /static/ecommerce/admin.css"]


@pytest.mark.parametrize("held", HELD)
def test_who_holds_all_threads_of_a_pool_holds_up_nobody_else(one, connect, gate, held):
    line, same = HELD[held]
    holders = [connect(one).request(line % gate.name) for _ in range(10)]
    waiting = [connect(one).request(one_of) for one_of in same]

    others = [line for name, (_, lines) in HELD.items() if name != held for line in lines]
    for asked in [*others, *NEVER_HELD]:
        assert connect(one).request(asked).answer().status in ANSWERED
    assert all(wire.is_silent() for wire in [*holders, *waiting])

    gate("yes")
    assert all(wire.answer().status == 200 for wire in holders)
    assert all(wire.answer().status in ANSWERED for wire in waiting)


# --- A database that stands still ---------------------------------------------------------------


def test_whether_it_is_ready_is_known_in_time_also_when_the_database_stands_still(start, connect):
    with start(WORKERS="1") as one:
        ready = "GET /health/ready"
        assert connect(one).request("GET /health/freeze/").answer().status == 200
        wires = [connect(one).request(ready) for _ in range(50)]

        assert connect(one).request("GET /health/live").answer().status == 200
        for wire in wires:
            answer = wire.answer()
            assert (answer.status, answer.json()) == (
                503,
                {"status": "unavailable", "down": ["database"]},
            )
            (line,) = lines_of(one, answer.headers["x-request-id"])
            assert READY_SECONDS * 1_000 <= line["duration_ms"] < READY_SECONDS * 1_000 + 1_000

        assert connect(one).request("GET /health/gates/database/yes/").answer().status == 200
        assert connect(one).request(ready).answer().status == 200


# --- Who goes away before its turn --------------------------------------------------------------


def test_who_went_away_before_its_turn_is_not_served(one, connect, gate):
    """Else a shop that is late would be busy with those whom it can't help any more."""
    path = f"POST {GATES}/{gate.name}/wait/"
    holders = [connect(one).request(path) for _ in range(2)]
    patient = [connect(one).request(path) for _ in range(30)]
    gone = [connect(one).request(path, f"X-Request-ID: gone{number}") for number in range(5)]
    assert connect(one).request("GET /health/live").answer().status == 200
    for wire in gone:
        wire.socket.close()
    for _ in range(20):  # so that the front has heard of it
        assert connect(one).request("GET /health/live").answer().status == 200
    gate("yes")

    for number in range(5):
        assert await_line(one, f"gone{number}")["status"] == 499
    assert [wire.answer().status for wire in [*holders, *patient]] == [200] * 32


def test_who_waits_too_long_for_a_thread_is_told_to_come_again(start, connect):
    """Also when no thread is ever free."""
    with start(WORKERS="1", WRITE_THREADS="2", STAFF_THREADS="2", QUEUE_SECONDS="0.5") as one:
        held = [f"POST {GATES}/a/wait/", "GET /gates/a/"]
        holders = [connect(one).request(line) for line in held for _ in range(2)]
        assert connect(one).request("GET /health/live").answer().status == 200
        api = connect(one).request("POST /api/v1/coupons/1/issue/").answer()
        page = connect(one).request("GET /admin/login/").answer()

        assert (api.status, api.codes, api.headers["retry-after"]) == (503, ["busy"], "1")
        assert (page.status, page.headers["retry-after"]) == (503, "1")
        assert page.headers["content-type"].startswith("text/html")
        for answer in (api, page):
            (line,) = lines_of(one, answer.headers["x-request-id"])
            assert line["status"] == 503
            assert line["duration_ms"] >= 500
        assert all(wire.is_silent() for wire in holders)

        connect(one).request("GET /health/gates/a/yes/").answer()
        assert [wire.answer().status for wire in holders] == [200] * 4


def test_an_answer_that_breaks_off_ends_and_holds_nobody_up(start, connect):
    with start(WORKERS="1", WRITE_THREADS="1", STAFF_THREADS="1") as one:
        for _ in range(2):
            wire = connect(one).request("GET /broken/")
            received = b""
            while b"0\r\n\r\n" not in received and (piece := wire.socket.recv(1_000)):
                received += piece
            assert received.startswith(b"HTTP/1.1 200")
            assert b"begun" in received


def test_a_stream_ends_when_nobody_takes_it_any_more(start, connect):
    with start(WORKERS="1") as one:
        wire = connect(one, receive_buffer=4_096).request("GET /stream/")
        assert wire.socket.recv(100).startswith(b"HTTP/1.1 200")
        wire.socket.close()
        streamed = {"closed": 0}
        while not streamed["closed"]:
            streamed = connect(one).request("GET /health/stream/").answer().json()

        assert streamed["chunks"] < CHUNKS
