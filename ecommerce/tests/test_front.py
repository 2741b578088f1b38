"""The front by itself, with a stand-in for granian: also what no client can bring about.

ecommerce/tests/serving attacks the real server.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from granian.rsgi import ProtocolClosed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import Busy
from common.http.deferred import answer_later, page_later
from ecommerce.serving import front
from ecommerce.serving.front import Front
from ecommerce.urls import handler400, handler403, handler404, handler500
from ecommerce.urls import urlpatterns as shop

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

pytestmark = pytest.mark.urls(__name__)

LIMIT = 65_536


# --- Views --------------------------------------------------------------------------------------


class Watched(Future[str]):
    """A future that knows that somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = Event()

    def add_done_callback(self, fn: Callable[["Future[str]"], object]) -> None:
        super().add_done_callback(fn)
        self.awaited.set()


waiting = Watched()


class Later(APIView):
    permission_classes, schema = [AllowAny], None

    def post(self, request: Request) -> Response:
        return answer_later(request, waiting, lambda word: Response({"word": word}, 201))


class Echo(APIView):
    permission_classes, schema = [AllowAny], None

    def post(self, request: Request) -> HttpResponse:
        answer = HttpResponse(str(len(request._request.body)))
        answer.set_cookie("a", "1")
        return answer


def page(request: HttpRequest) -> HttpResponse:
    return page_later(
        waiting, HttpResponse, failed=lambda error: HttpResponse(repr(error)), within=0.01
    )


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse([b"a", b"b", b"c"])


def nonsense(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse()
    answer.headers["X"] = "refuse me"
    return answer


urlpatterns = [
    path("api/v1/later/", Later.as_view()),
    path("api/v1/echo/", Echo.as_view()),
    path("api/v1/nonsense/", nonsense),
    path("health/page/", page),
    path("stream/", stream),
    *shop,
]


# --- A stand-in for granian ---------------------------------------------------------------------


class Scope:
    """The head of a request."""

    http_version, scheme, server, client = "1.1", "http", "127.0.0.1:8000", "[::1]:4711"
    query_string = ""

    def __init__(self, method: str, path: str, **headers: str) -> None:
        self.method, self.path = method, path
        self.headers = {"host": "localhost"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }


class Transport:
    def __init__(self, protocol: "Protocol", *, takes: int) -> None:
        self.protocol, self.takes = protocol, takes

    def send_bytes(self, chunk: bytes) -> Iterator[None]:
        if not self.takes:
            raise ProtocolClosed
        self.takes -= 1
        self.protocol.body += chunk
        return iter(())


class Protocol:
    """A connection: what the client sends, and what it is answered."""

    status, body, takes, file = 0, b"", 1_000, ""

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self.pieces, self.ends = list(pieces), ends
        self.headers: dict[str, str] = {}

    async def __call__(self) -> bytes:
        if not self.ends:
            await asyncio.sleep(60)
        return b"".join(self.pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if not self.ends:
            await asyncio.sleep(60)
        yield b""

    def client_disconnect(self) -> "asyncio.Future[None]":
        return asyncio.get_running_loop().create_future()

    def response_bytes(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        if ("X", "refuse me") in headers:
            raise ValueError("hunter2")
        self.status, self.headers, self.body = status, dict(headers), body

    def response_file(self, status: int, headers: Sequence[tuple[str, str]], file: str) -> None:
        self.status, self.headers, self.file = status, dict(headers), file

    def response_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> Transport:
        self.status, self.headers = status, dict(headers)
        return Transport(self, takes=self.takes)

    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def serve(settings: Any) -> Iterator[Callable[..., None]]:
    """Lets a front serve requests, all at once."""
    for name in ("THREADS", "SEARCH_THREADS", "WRITE_THREADS", "ACCOUNT_THREADS", "STAFF_THREADS"):
        setattr(settings, name, 1)
    signals = request_started, request_finished
    receivers = [list(signal.receivers) for signal in signals]

    def serve_all(
        *exchanges: tuple[Scope, Protocol], meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        loop = asyncio.new_event_loop()
        front = Front()
        front.__rsgi_init__(loop)

        async def all_of_them() -> None:
            tasks = [asyncio.create_task(front.__rsgi__(*exchange)) for exchange in exchanges]
            await asyncio.sleep(0)
            meanwhile()
            await asyncio.gather(*tasks)
            await asyncio.sleep(0)  # what is sent when the protocol is gone

        loop.run_until_complete(all_of_them())
        front.__rsgi_del__(loop)
        loop.close()

    yield serve_all
    for signal, before in zip(signals, receivers, strict=True):
        signal.receivers = before
        signal.sender_receivers_cache.clear()


@pytest.fixture(autouse=True)
def _nothing_is_waited_for_yet() -> None:
    global waiting  # noqa: PLW0603
    waiting = Watched()


def codes(protocol: Protocol) -> list[str]:
    return [error["code"] for error in protocol.json()["errors"]]


# --- What it does -------------------------------------------------------------------------------


def test_requests_are_answered_by_threads_and_by_the_loop(serve):
    scopes = [Scope("GET", path) for path in ("/api/v1/nothing/", "/nothing/")]
    scopes += [Scope("POST", path) for path in ("/api/v1/auth/x/", "/api/v1/users/me/balance/x/")]
    exchanges = [(scope, Protocol()) for scope in scopes]

    serve(*exchanges)

    assert [protocol.status for _, protocol in exchanges] == [404] * 4
    assert all(protocol.headers["X-Request-ID"] for _, protocol in exchanges)


@pytest.mark.parametrize("headers", [{"content_length": "5"}, {"transfer_encoding": "chunked"}])
def test_a_body_is_read_as_a_whole(serve, headers):
    protocol = Protocol(b"ab", b"cde")

    serve((Scope("POST", "/api/v1/echo/", **headers), protocol))

    assert (protocol.status, protocol.body) == (200, b"5")
    assert protocol.headers["Set-Cookie"].startswith("a=1")


@pytest.mark.parametrize(
    ("headers", "pieces", "status", "code"),
    [
        ({"content_length": str(LIMIT + 1)}, [], 413, "request_too_large"),
        ({"transfer_encoding": "chunked"}, [b"x" * LIMIT, b"x"], 413, "request_too_large"),
        ({"transfer_encoding": "chunked"}, [b"x"] * 300, 400, "incomplete_body"),
        ({"transfer_encoding": "chunked"}, [b"x", b"", b""], 400, "incomplete_body"),
    ],
    ids=["too large", "too large in chunks", "crumbs", "broken off"],
)
def test_a_body_that_is_refused_ends_the_connection(serve, headers, pieces, status, code):
    protocol = Protocol(*pieces)

    serve((Scope("POST", "/api/v1/echo/", **headers), protocol))

    assert (protocol.status, codes(protocol)) == (status, [code])
    assert protocol.headers["Connection"] == "close"
    assert int(protocol.headers["Content-Length"]) == len(protocol.body)


@pytest.mark.parametrize("headers", [{"content_length": "5"}, {"transfer_encoding": "chunked"}])
def test_a_body_that_does_not_come_is_not_waited_for(serve, headers, settings):
    settings.REQUEST_TIMEOUT_SECONDS = 0.05
    protocol = Protocol(b"ab", ends=False)

    serve((Scope("POST", "/api/v1/echo/", **headers), protocol))

    assert (protocol.status, codes(protocol)) == (408, ["request_timeout"])


def test_headers_that_are_not_ascii_are_empty_and_odd_names_are_nobodys(serve):
    class Headers(dict[str, str]):
        def items(self) -> Any:
            return [(name, value) for name, value in super().items() if value.isascii()]

    scope = Scope("GET", "/api/v1/상품/")
    scope.headers = Headers({"host": "localhost", "x-request-id": "ü", "x_odd": "1"})
    protocol = Protocol()

    serve((scope, protocol))

    assert (protocol.status, len(protocol.headers["X-Request-ID"])) == (404, 32)


# --- What is waited for -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settle", "status", "body"),
    [
        (lambda: waiting.set_result("yes"), 201, b'{"word":"yes"}'),
        (lambda: waiting.set_exception(Busy()), 503, b"busy"),
        (lambda: waiting.set_exception(ValueError("hunter2")), 500, b'"error"'),
    ],
    ids=["a result", "a refusal", "a bug"],
)
def test_an_answer_that_is_waited_for_is_as_any_other(serve, settle, status, body):
    protocol = Protocol()

    def meanwhile() -> None:
        assert waiting.awaited.wait(30)
        settle()

    serve((Scope("POST", "/api/v1/later/", accept_language="ko"), protocol), meanwhile=meanwhile)

    assert protocol.status == status
    assert body in protocol.body
    assert b"hunter2" not in protocol.body
    assert protocol.headers["Content-Length"] == str(len(protocol.body))
    assert protocol.headers["Content-Type"] == "application/json"
    assert ("Content-Language" in protocol.headers) == (status != 201)
    assert protocol.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_that_is_waited_for_has_its_time(serve):
    protocol = Protocol()

    serve((Scope("GET", "/health/page/"), protocol))

    assert protocol.body == b"TimeoutError()"


def test_who_waits_too_long_for_a_thread_is_told_so(serve, settings):
    settings.QUEUE_SECONDS = -1  # whoever waits when the loop looks
    scopes = [Scope("POST", "/api/v1/echo/") for _ in range(50)]
    exchanges = [(scope, Protocol()) for scope in scopes]

    serve(*exchanges)

    assert {protocol.status for _, protocol in exchanges} <= {200, 503}
    assert exchanges[0][1].status == 200 or codes(exchanges[0][1]) == ["busy"]


# --- What is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(("takes", "body"), [(1_000, b"abc"), (2, b"ab")])
def test_a_stream_is_sent_as_long_as_it_is_taken(serve, takes, body):
    protocol = Protocol()
    protocol.takes = takes

    serve((Scope("GET", "/stream/"), protocol))

    assert (protocol.status, protocol.body) == (200, body)


def test_a_file_is_sent_by_its_path(serve):
    protocol = Protocol()

    serve((Scope("GET", "/static/ecommerce/admin.css"), protocol))

    assert protocol.status == 200
    assert protocol.file.endswith("/ecommerce/admin.css")


def test_an_answer_that_can_not_be_sent_is_a_bug_with_an_answer(serve, caplog):
    protocol = Protocol()

    serve((Scope("GET", "/api/v1/nonsense/"), protocol))

    assert (protocol.status, codes(protocol)) == (500, ["error"])
    assert "hunter2" in caplog.text


class BrokenScope(Scope):
    """A request of which nothing can be read but its line."""

    def __init__(self, path: str) -> None:
        self.method, self.path = "GET", path


@pytest.mark.parametrize("path", ["/api/v1/products/", "/admin/"])
def test_what_fails_in_the_front_itself_is_answered_like_any_bug(path, serve, caplog):
    protocol = Protocol()

    serve((BrokenScope(path), protocol))

    assert protocol.status == 500
    assert len(protocol.headers["X-Request-ID"]) == 32
    assert b"hunter2" not in protocol.body
    if path.startswith("/api/"):
        assert codes(protocol) == ["error"]
    else:
        assert protocol.headers["Content-Type"].startswith("text/html")
    assert "AttributeError" in caplog.text


class Search:
    """What a pool of searches serves: two seconds go by, and others come meanwhile."""

    def __init__(self, clock, others):
        self.clock, self.others = clock, others
        self.waits_since = 0.0

    def serve(self):
        self.clock.now += 2
        self.clock.others += self.others

    def settle(self, response):
        raise AssertionError("it failed")


class Clock:
    now, others = 100.0, 0

    def __init__(self):
        self.rests = SimpleQueue()

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.rests.put(seconds)


def test_searches_rest_as_long_as_they_take_while_others_come(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(front, "time", clock)
    pool = front.Pool("searches", 1, lambda: clock.others)

    for others in (0, 1, 0, 3):
        pool.put(Search(clock, others))

    assert [clock.rests.get(timeout=5) for _ in range(2)] == [2 * front.REST] * 2
    pool.end()
    assert clock.rests.empty()
