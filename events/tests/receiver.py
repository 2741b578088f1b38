"""Somebody who receives webhooks: a server in a thread, that keeps what it was sent."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """A request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


Reply = Callable[[Received, BaseHTTPRequestHandler], int | None]
"""The status to answer with; None when it has answered by itself."""


@dataclass(slots=True)
class Receiver:
    url: str = ""
    requests: list[Received] = field(default_factory=list)
    reply: Reply = lambda request, handler: 204
    lock: Any = field(default_factory=Lock)

    def await_requests(self, count: int, seconds: float = 20.0) -> list[Received]:
        """The requests, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {count} came"
            time.sleep(0.01)
        return list(self.requests)


@contextmanager
def receiving(reply: Reply | None = None, port: int = 0) -> Iterator[Receiver]:
    """A receiver on a port of this machine; it answers 204 unless said."""
    receiver = Receiver()
    if reply is not None:
        receiver.reply = reply

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.path, headers, body, time.monotonic())
            with receiver.lock:
                receiver.requests.append(request)
            try:
                status = receiver.reply(request, self)
            except ConnectionError:  # who asked didn't wait for the end
                status, self.close_connection = None, True
            if status is not None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", port), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/events"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
