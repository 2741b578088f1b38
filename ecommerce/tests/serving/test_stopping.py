"""SIGTERM: what was accepted is answered, whatever it waits for, and the server ends well."""

from urllib.parse import quote

import pytest

from ecommerce.tests.serving.wire import Wire, chunk

GATES = "/api/v1/gates"


@pytest.fixture
def running(start):
    with start(WORKERS="1") as running:
        yield running


def test_requests_under_way_are_answered(running, connect):
    """In a thread, waiting without one, and whose body is still coming."""
    idle = connect(running)
    assert idle.request("GET /health/live").answer().status == 200
    opener = connect(running).send(f"GET {quote('/health/gates/a/yes/')} HTTP/1.1")
    in_thread = connect(running).request(f"GET {GATES}/a/wait/")
    on_loop = connect(running).request(f"POST {GATES}/a/later/")
    sending = connect(running).request("POST /echo/", "Transfer-Encoding: chunked")
    sending.socket.sendall(chunk(b"half"))
    assert connect(running).request("GET /health/live").answer().status == 200

    running.process.terminate()
    assert idle.is_closed()  # so it has heard
    assert in_thread.is_silent()
    assert on_loop.is_silent()
    sending.socket.sendall(chunk(b"whole") + b"0\r\n\r\n")
    assert sending.answer().body == b"9"
    opener.send("Host: localhost", "")

    assert opener.answer().status == 200
    assert in_thread.answer().json() == {"word": "yes"}
    assert on_loop.answer().json() == {"word": "yes"}
    assert running.process.wait(20) == 0
    assert "Traceback" not in running.printed()


def test_who_went_away_is_served_to_the_end(running, connect):
    wire = connect(running).request(f"POST {GATES}/a/later/", "X-Request-ID: gone")
    idle = connect(running)
    assert idle.request("GET /health/live").answer().status == 200
    opener = connect(running).send(f"GET {quote('/health/gates/a/yes/')} HTTP/1.1")
    assert connect(running).request("GET /health/live").answer().status == 200
    wire.socket.close()

    running.process.terminate()
    assert idle.is_closed()
    opener.send("Host: localhost", "")
    assert opener.answer().status == 200

    assert running.process.wait(20) == 0
    assert '"request_id": "gone"' in running.printed()


@pytest.mark.parametrize("half", ["head", "body"])
def test_who_sends_half_a_request_holds_up_the_end_no_longer_than_he_may(running, connect, half):
    idle: Wire = connect(running)
    assert idle.request("GET /health/live").answer().status == 200
    if half == "head":
        connect(running).send("POST /echo/ HTTP/1.1")
    else:
        connect(running).request("POST /echo/", "Content-Length: 9")

    seconds = running.stop()

    assert idle.is_closed()
    assert seconds < 10
    assert running.process.returncode == 0
