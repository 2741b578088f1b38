"""The application that granian serves (RSGI): an event loop in front of Django.

Nobody who sends slowly, and nothing that waits, holds a thread here. The loop reads a request as a
whole, within a bound and a time, before anything else; a small pool of threads runs Django's
middlewares and the view; an answer that is still to come (`ecommerce.common.deferred`) is waited
for on the loop. docs/adr/0030-an-event-loop-in-front.md says why it is made this way.
"""

import asyncio
import time
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, cast

import structlog
from django.conf import settings
from django.core.signals import request_started
from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse

from ecommerce import worker_process
from ecommerce.bodies import BodyWanted
from ecommerce.common.deferred import Later, Unfinished
from ecommerce.common.handler import ShopHandler, failure_response
from ecommerce.common.request_log import BEGAN
from ecommerce.incoming import Body, Environ, environ_of

logger = structlog.get_logger(__name__)

DRAIN_SECONDS = 15.0
"""How long a process that stops goes on with the requests of clients that went away."""


class Front:
    """One worker process: its loop, its pools of threads, and Django."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._django = ShopHandler()
        self._under_way = 0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the worker, before it serves."""
        self.loop = loop
        self._writes = Pool("writes", settings.WRITE_THREADS)
        self._reads = Pool("reads", settings.THREADS)
        self._pages = Pool("pages", settings.STAFF_THREADS)
        # Once the loop runs granian listens.
        loop.call_soon(worker_process.cut_off_who_does_not_read, settings.REQUEST_TIMEOUT_SECONDS)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the worker, when all connections are closed: who went away may still be served."""
        loop.run_until_complete(self._drain())

    async def _drain(self) -> None:
        until = self.loop.time() + DRAIN_SECONDS
        while self._under_way and self.loop.time() < until:
            await asyncio.sleep(0.01)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request, from its first byte to its last."""
        environ = environ_of(scope)
        environ[BEGAN] = time.perf_counter()
        self._under_way += 1
        try:
            await self._serve(Exchange(self, protocol, environ), self._pool_of(scope))
        except Exception as error:
            send(protocol, failure_response(environ, error))
        finally:
            self._under_way -= 1

    def _pool_of(self, scope: Any) -> "Pool | None":
        """Which threads serve a request; None: the loop itself, at once."""
        path: str = scope.path
        if path.startswith("/api/"):
            return self._reads if scope.method in ("GET", "HEAD", "OPTIONS") else self._writes
        return None if path.startswith("/health/") else self._pages

    async def _serve(self, exchange: "Exchange", pool: "Pool | None") -> None:
        body = exchange.body
        if body.is_there:
            until = self.loop.time() + settings.REQUEST_TIMEOUT_SECONDS
            await body.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, until)
        response = await exchange.served_by(pool)
        if isinstance(response, BodyWanted):
            await body.read(response.limit, self.loop.time() + response.seconds)
            response = await exchange.served_by(pool)
        if isinstance(response, Later):
            send(exchange.protocol, response.final())
        elif response is not None:
            cut_off(exchange.protocol, response, self.loop)

    def respond(self, environ: Environ) -> HttpResponseBase:
        """Django's answer, or what stands for one."""
        try:
            request_started.send(sender=ShopHandler, environ=environ)
            request = self._django.request_class(environ)
            response: HttpResponseBase = self._django.get_response(request)
        except Exception as error:
            return failure_response(environ, error)
        return response


class Exchange:
    """A request and its answer, on their way between the loop and a thread."""

    __slots__ = ("_done", "_front", "body", "environ", "protocol")

    def __init__(self, front: Front, protocol: Any, environ: Environ) -> None:
        self._front = front
        self.protocol = protocol
        self.environ = environ
        self.body = Body(protocol, environ)
        self._done: asyncio.Future[HttpResponseBase | None]

    async def served_by(self, pool: "Pool | None") -> HttpResponseBase | None:
        """What Django answers, if the loop has something to do with it; None when it is sent."""
        self._done = self._front.loop.create_future()
        if pool:
            pool.put(self)
        else:
            self.serve()
        return await self._done

    def serve(self) -> None:
        """Ask Django, and send what it answers. Called in a thread of a pool."""
        response = self._front.respond(self.environ)
        if isinstance(response, Later):
            response.close()
            response.future.add_done_callback(lambda _: self.settle(response))
            if response.within is not None:
                self._on_loop(self._front.loop.call_later, response.within, self._settle, response)
        elif isinstance(response, Unfinished) or self.body.is_unread:
            response.close()
            self.settle(response)
        else:
            try:
                send(self.protocol, response)
            except Exception as error:
                send(self.protocol, failure_response(self.environ, error))
            self.settle(None)

    def settle(self, response: HttpResponseBase | None) -> None:
        """Let the loop go on with the exchange. From any thread."""
        self._on_loop(self._settle, response)

    def _settle(self, response: HttpResponseBase | None) -> None:
        if not self._done.done():
            self._done.set_result(response)

    def _on_loop(self, call: Any, *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process was told to end
            self._front.loop.call_soon_threadsafe(call, *arguments)


class Pool:
    """Threads that serve requests, in the order in which the pool gets them."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: SimpleQueue[Exchange] = SimpleQueue()
        for number in range(threads):
            Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def put(self, exchange: Exchange) -> None:
        self._waiting.put(exchange)

    def _work(self) -> None:
        while True:
            exchange = self._waiting.get()
            try:
                exchange.serve()
            except BaseException:
                logger.exception("exchange_failed")
                exchange.settle(None)  # granian answers 500, in its own words
            del exchange  # or its connection would be kept until the next comes


# --- Answers ------------------------------------------------------------------------------------


def send(protocol: Any, response: HttpResponseBase) -> None:
    """Send the answer, and let go of all that was opened for the request."""
    status, headers = response.status_code, headers_of(response)
    if isinstance(response, HttpResponse):
        protocol.response_bytes(status, headers, response.content)
    elif path := _file_path(response):
        # granian reads on as the client does; what is given to it otherwise is kept in memory.
        protocol.response_file(status, headers, path)
    else:
        transport = protocol.response_stream(status, headers)
        for chunk in cast(StreamingHttpResponse, response):
            transport.send_bytes(chunk)
    response.close()


def cut_off(protocol: Any, response: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Send the answer to a request whose body is not read to its end, and close the connection.

    granian (hyper) closes it when it sends and finds that nobody is to read the body any more. That
    is when the protocol is gone: the content is sent after it.
    """
    content = b"".join(response)
    response["Content-Length"], response["Connection"] = str(len(content)), "close"
    transport = protocol.response_stream(response.status_code, headers_of(response))
    loop.call_soon(transport.send_bytes, content)


def headers_of(response: HttpResponseBase) -> list[tuple[str, str]]:
    cookies = [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
    return [*response.items(), *cookies]


def _file_path(response: HttpResponseBase) -> str | None:
    """Where the file is that is sent from its beginning to its end, if it is in a folder."""
    name = getattr(getattr(response, "file_to_stream", None), "name", None)
    return name if isinstance(response, FileResponse) and isinstance(name, str) else None
