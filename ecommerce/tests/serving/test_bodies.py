"""What the front reads: whole bodies, up to the limit, however they are sent."""

from collections.abc import Callable

import pytest

from ecommerce.tests.serving.conftest import await_line, lines_of
from ecommerce.tests.serving.wire import Wire, chunk

LIMIT = 65_536
CHARGE, LOGIN, ECHO = "/api/v1/users/me/balance/charge/", "/admin/login/", "/echo/"
IMPORT = "/admin/products/product/import/"

Connect = Callable[..., Wire]


def length_read(wire: Wire) -> int:
    """How long the body was, as a view read it."""
    answer = wire.answer()
    assert answer.status == 200, answer
    return int(answer.body)


# --- As large as it may be ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
def test_a_body_is_read_as_a_whole(two, connect, size):
    assert length_read(connect(two).post(ECHO, body=b"x" * size)) == size


@pytest.mark.parametrize("size", [1, LIMIT])
def test_a_body_in_chunks_too(two, connect, size):
    wire = connect(two).request(f"POST {ECHO}", "Transfer-Encoding: chunked")
    wire.socket.sendall(chunk(b"x" * (size // 2)) if size > 1 else b"")
    wire.socket.sendall(chunk(b"x" * (size - size // 2)) + b"0\r\n\r\n")

    assert length_read(wire) == size


def test_it_may_come_in_many_packets(two, connect):
    wire = connect(two).request(f"POST {ECHO}", "Content-Length: 2000")
    for _ in range(2_000):
        wire.socket.sendall(b"x")

    assert length_read(wire) == 2_000


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PUT", "BREW"])
def test_every_method_may_have_one(two, connect, method):
    wire = connect(two)
    start = f"{method} /api{ECHO}"
    assert length_read(wire.request(start, "Content-Length: 3", body=b"abc")) == 3
    assert length_read(wire.request(start)) == 0


def test_who_asks_first_is_told_to_go_on(two, connect):
    wire = connect(two).request(f"POST {ECHO}", "Content-Length: 3", "Expect: 100-continue")

    assert wire.answer().status == 100
    wire.socket.sendall(b"abc")
    assert length_read(wire) == 3


# --- Larger -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CHARGE, "/api/v1/nothing/", LOGIN, "/", "/health/live", ECHO])
@pytest.mark.parametrize("expects", [(), ("Expect: 100-continue",)], ids=["sends", "asks first"])
def test_a_larger_one_is_refused_unread(two, connect, path, expects):
    wire = connect(two).request(f"POST {path}", f"Content-Length: {LIMIT + 1}", *expects)

    answer = wire.answer()

    assert answer.status == 413
    if path.startswith("/api/"):
        assert (answer.json()["type"], answer.codes) == ("client_error", ["request_too_large"])
    else:
        assert answer.headers["content-type"].startswith("text/html")
    (line,) = lines_of(two, answer.headers["x-request-id"])
    assert (line["status"], line["path"]) == (413, path)
    assert wire.is_closed()


@pytest.mark.parametrize("path", [CHARGE, LOGIN])
def test_in_chunks_no_more_is_read_than_shows_that_it_is_larger(two, connect, path):
    wire = connect(two).request(f"POST {path}", "Transfer-Encoding: chunked")
    wire.socket.sendall(chunk(b"x" * (LIMIT + 1)))  # and no end

    assert wire.answer().status == 413
    assert wire.is_closed()


def test_who_sends_it_all_the_same_hears_why_it_is_refused(two, connect):
    wire = connect(two).post(CHARGE, body=b"x" * 1_000_000)

    assert wire.answer().status == 413


def test_no_size_is_too_large_to_be_refused(two, connect):
    wire = connect(two).request(f"POST {CHARGE}", f"Content-Length: {2**63}")

    assert wire.answer().status == 413


# --- Not what was said --------------------------------------------------------------------------


def test_a_body_in_crumbs_is_refused(two, connect):
    """Each costs a turn of the loop: a body of 64 KB would keep it busy for seconds."""
    wire = connect(two).request(f"POST {CHARGE}", "Transfer-Encoding: chunked")
    wire.socket.sendall(b"1\r\nx\r\n" * 5_000)

    answer = wire.answer()

    assert (answer.status, answer.codes) == (400, ["incomplete_body"])
    assert wire.is_closed()


def test_a_body_whose_client_goes_away_is_no_body(one, connect):
    """Not even when what came is a whole request by itself."""
    cut = connect(one).request(f"POST {CHARGE}", "Transfer-Encoding: chunked", "X-Request-ID: cut")
    cut.socket.sendall(chunk(b'{"amount": 1000}'))
    short = connect(one).request(f"POST {CHARGE}", "Content-Length: 60", "X-Request-ID: short")
    short.socket.sendall(b'{"amount": 1000}')
    for wire in (cut, short):
        wire.socket.close()

    for request_id in ("cut", "short"):
        assert await_line(one, request_id)["status"] == 400


def test_what_follows_a_body_is_the_next_request(two, connect):
    wire = connect(two).post(ECHO, body=b"abc")
    wire.post(ECHO, body=b"x" * LIMIT).request("GET /health/live").post(ECHO, body=b"")

    assert length_read(wire) == 3
    assert length_read(wire) == LIMIT
    assert wire.answer().json() == {"status": "ok"}
    assert length_read(wire) == 0


def test_a_head_alone_is_answered_without_a_body(two, connect):
    wire = connect(two).request("HEAD /api/v1/products/").request("GET /health/live")

    answer = wire.answer(to_head=True)
    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 0
    assert wire.answer().json() == {"status": "ok"}
