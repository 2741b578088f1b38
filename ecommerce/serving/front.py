"""The application that granian serves (RSGI): an event loop in front of Django.

Nobody who sends slowly, and nothing that waits, holds a thread here. The loop reads a request as a
whole, within a bound and a time, before anything else; a small pool of threads runs Django's
middlewares and the view; an answer that is still to come (`common.http.deferred`) is waited
for on the loop. docs/adr/0030-an-event-loop-in-front.md says why it is made this way.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, cast

import structlog
from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections, reset_queries
from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # it is imported there

from common import metrics
from common.api.handler import ShopHandler, failure_response
from common.errors import Busy, ClientGone, DomainError
from common.http.bodies import REFUSAL, BodyWanted
from common.http.deferred import Later, Unfinished
from common.http.request_log import BEGAN, QUEUED
from ecommerce.serving import worker_process
from ecommerce.serving.incoming import Body, Environ, environ_of

logger = structlog.get_logger(__name__)

ACCOUNTS, BALANCE = ("/api/v1/auth/", "/api/v1/users/me/"), "/api/v1/users/me/balance/"
"""Whose writes wait for their rows in a thread; others answer later, and hold none."""
FILE_THREADS = 2
"""They ask no database, and only open what granian then sends."""
SEARCH = "search="
"""In a query: what is asked costs many times what any other read does."""
REST = 4.0
"""Searches have a fifth of the time at most, then: the sale beside a crowd of them goes on."""
TICK_SECONDS = 0.05
SAMPLE_SECONDS = 1.0
PATIENT_PER_THREAD = 10
"""Of so many for each thread of a pool that waits nobody looks whether they are still there."""
DRAIN_SECONDS = 15.0
"""How long a process that stops goes on with the requests of clients that went away."""


class Front:
    """One worker process: its loop, its pools of threads, and Django."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._django = ShopHandler()
        self._aliases = tuple(settings.DATABASES)
        self._under_way = 0
        self._others = 0
        """How many requests came that were no searches."""
        self._returned: deque[tuple[Exchange, HttpResponseBase | None]] = deque()
        self._is_called = False
        self._is_ticking = False

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the worker, before it serves."""
        self.loop = loop
        leave_connections_to_the_front()
        self._writes = Pool("writes", settings.WRITE_THREADS)
        self._reads = Pool("reads", settings.THREADS)
        self._searches = Pool("searches", settings.SEARCH_THREADS, lambda: self._others)
        self._accounts = Pool("accounts", settings.ACCOUNT_THREADS)
        self._pages = Pool("pages", settings.STAFF_THREADS)
        self._files = Pool("files", FILE_THREADS)
        self._pools = (
            *(self._writes, self._reads, self._searches),
            *(self._accounts, self._pages, self._files),
        )
        metrics.samplers.append(self._sample_pools)
        self._sample()
        # Once the loop runs granian listens.
        loop.call_soon(worker_process.cut_off_who_does_not_read, settings.REQUEST_TIMEOUT_SECONDS)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the worker, when all connections are closed: who went away may still be served."""
        loop.run_until_complete(self._drain())
        for pool in self._pools:
            pool.end()

    def _sample(self) -> None:
        metrics.sample()
        self.loop.call_later(SAMPLE_SECONDS, self._sample)

    def _sample_pools(self) -> None:
        for pool in self._pools:
            metrics.THREADS.labels(pool.name).set(pool.threads)
            metrics.THREADS_BUSY.labels(pool.name).set(pool.busy)
            metrics.REQUESTS_WAITING.labels(pool.name).set(pool.waiting)

    async def _drain(self) -> None:
        until = self.loop.time() + DRAIN_SECONDS
        while self._under_way and self.loop.time() < until:
            await asyncio.sleep(TICK_SECONDS)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request, from its first byte to its last."""
        began = time.perf_counter()
        environ: Environ = {"REQUEST_METHOD": scope.method, "PATH_INFO": scope.path}
        self._under_way += 1
        try:
            environ = environ_of(scope)
            environ[BEGAN] = began
            self._take_back()
            if not self._is_ticking:
                self._tick()
            pool = self._pool_of(scope)
            self._others += pool is not None and pool is not self._searches
            await self._serve(Exchange(self, protocol, environ), pool)
        except Exception as error:
            send(protocol, failure_response(environ, error))
        finally:
            self._under_way -= 1

    def _pool_of(self, scope: Any) -> "Pool | None":
        """Which threads serve a request; None: the loop itself, at once."""
        path: str = scope.path
        if path.startswith("/health/") or path == "/metrics":
            return None
        if path.startswith(settings.STATIC_URL):
            return self._files
        if not path.startswith("/api/"):
            return self._pages
        if scope.method in ("GET", "HEAD", "OPTIONS"):
            return self._searches if SEARCH in scope.query_string else self._reads
        of_accounts = path.startswith(ACCOUNTS) and not path.startswith(BALANCE)
        return self._accounts if of_accounts else self._writes

    async def _serve(self, exchange: "Exchange", pool: "Pool | None") -> None:
        body = exchange.body
        if body.is_there:
            until = self.loop.time() + settings.REQUEST_TIMEOUT_SECONDS
            await body.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, until)
        if REFUSAL in exchange.environ:
            pool = None
        response = await exchange.served_by(pool)
        if isinstance(response, BodyWanted):
            await body.read(response.limit, self.loop.time() + response.seconds)
            response = await exchange.served_by(pool)
        if isinstance(response, Later):
            send(exchange.protocol, response.final())
        elif response is not None:
            cut_off(exchange.protocol, response, self.loop)

    def respond(self, environ: Environ) -> HttpResponseBase:
        """Django's answer, or what stands for one. Called in a thread of a pool."""
        try:
            for alias in self._aliases:
                connections[alias].close_if_unusable_or_obsolete()
            request_started.send(sender=ShopHandler, environ=environ)
            request = self._django.request_class(environ)
            response: HttpResponseBase = self._django.get_response(request)
        except Exception as error:
            return failure_response(environ, error)
        return response

    # Threads hand exchanges back to the loop. To wake it costs as much as all else here together:
    # it is done once for all that wait for it, and not at all for those that are answered. Their
    # coroutines have nothing left to do, and end when the next request comes, or the next tick.

    def hand_back(self, exchange: "Exchange", response: HttpResponseBase | None) -> None:
        """Let the loop go on with the exchange, at leisure if it is answered. From any thread."""
        self._returned.append((exchange, response))
        if response is not None and not self._is_called:
            self._is_called = True
            with suppress(RuntimeError):  # the loop is closed: the process was told to end
                self.loop.call_soon_threadsafe(self._take_back)

    def _take_back(self) -> None:
        self._is_called = False
        while self._returned:
            exchange, response = self._returned.popleft()
            exchange.settle(response)

    def _tick(self) -> None:
        self._take_back()
        since = self.loop.time() - settings.QUEUE_SECONDS
        for pool in self._pools:
            for exchange in pool.take_late(since):
                exchange.refuse(Busy())
        self._is_ticking = self._under_way > 0
        if self._is_ticking:
            self.loop.call_later(TICK_SECONDS, self._tick)


class Exchange:
    """A request and its answer, on their way between the loop and a thread."""

    __slots__ = ("_done", "_front", "body", "environ", "protocol", "waits_since")

    def __init__(self, front: Front, protocol: Any, environ: Environ) -> None:
        self._front = front
        self.protocol = protocol
        self.environ = environ
        self.body = Body(protocol, environ)
        self.waits_since = 0.0
        self._done: asyncio.Future[HttpResponseBase | None]

    async def served_by(self, pool: "Pool | None") -> HttpResponseBase | None:
        """What Django answers, if the loop has something to do with it; None when it is sent."""
        self._done = self._front.loop.create_future()
        if not pool:
            self.serve()
            return await self._done
        self.waits_since = self._front.loop.time()
        if not pool.is_behind:
            pool.put(self)
            return await self._done
        gone = self.protocol.client_disconnect()
        gone.add_done_callback(self._note_that_client_is_gone)
        pool.put(self)
        try:
            return await self._done
        finally:
            gone.cancel()

    def _note_that_client_is_gone(self, gone: Any) -> None:
        if not self._done.done():
            self.environ[REFUSAL] = ClientGone()

    def refuse(self, refusal: DomainError) -> None:
        """Answer with it, here on the loop."""
        self.environ[REFUSAL] = refusal
        self.serve()

    def serve(self) -> None:
        """Ask Django, and send what it answers. Called in a thread of a pool."""
        if self.waits_since:
            self.environ[QUEUED] = time.monotonic() - self.waits_since
        response = self._front.respond(self.environ)
        if isinstance(response, Unfinished) or self.body.is_unread:
            response.close()
            if isinstance(response, Later):
                response.future.add_done_callback(lambda _: self._hand_back(response))
                if response.within is not None:
                    self._front.loop.call_later(response.within, self.settle, response)
            else:
                self._hand_back(response)
        else:
            try:
                send(self.protocol, response)
            except Exception as error:
                send(self.protocol, failure_response(self.environ, error))
            self._hand_back(None)

    def _hand_back(self, response: HttpResponseBase | None) -> None:
        self._front.hand_back(self, response)

    def settle(self, response: HttpResponseBase | None) -> None:
        if not self._done.done():
            self._done.set_result(response)


class Pool:
    """Threads that serve requests, in the order in which the pool gets them.

    When `others`, the number of requests elsewhere, grows meanwhile, a thread rests after a request
    for `REST` times as long as that took: who asks there is to have the processor.
    """

    def __init__(self, name: str, threads: int, others: Callable[[], int] = lambda: 0) -> None:
        self._waiting: deque[Exchange] = deque()
        self._turns: SimpleQueue[None] = SimpleQueue()
        self.name = name
        self.threads = threads
        self._is_busy = [False] * threads
        self._is_over = False
        self._others = others
        for number in range(threads):
            Thread(target=self._work, args=[number], name=f"{name}-{number}", daemon=True).start()

    @property
    def busy(self) -> int:
        """How many of the threads serve a request."""
        return sum(self._is_busy)

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return len(self._waiting)

    @property
    def is_behind(self) -> bool:
        """Whether so many wait that some may have gone away by their turn."""
        return len(self._waiting) >= self.threads * PATIENT_PER_THREAD

    def put(self, exchange: Exchange) -> None:
        self._waiting.append(exchange)
        self._turns.put(None)

    def take_late(self, since: float) -> Iterator[Exchange]:
        """Those who came before that time and wait still: no thread will serve them any more."""
        with suppress(IndexError):  # none waits
            while (first := self._waiting[0]).waits_since < since:
                with suppress(ValueError):  # a thread was quicker
                    self._waiting.remove(first)
                    yield first

    def end(self) -> None:
        """Let the threads end, and their connections to the database with them."""
        self._is_over = True
        for _ in range(self.threads):
            self._turns.put(None)

    def _work(self, number: int) -> None:
        while True:
            self._turns.get()
            try:
                exchange = self._waiting.popleft()
            except IndexError:  # it was late, and is answered
                if self._is_over:
                    connections.close_all()
                    return
                continue
            self._is_busy[number] = True
            began, others = time.monotonic(), self._others()
            try:
                exchange.serve()
            except BaseException:
                logger.exception("exchange_failed")
                exchange.settle(None)  # granian answers 500, in its own words
            finally:
                self._is_busy[number] = False
            del exchange  # or its connection would be kept until the next comes
            if self._others() != others:
                time.sleep(REST * (time.monotonic() - began))


def leave_connections_to_the_front() -> None:
    """Let Django not look after connections and caches at both ends of each request.

    The front does what is needed of it, in `respond`: a seventh of what a request costs is saved.
    """
    request_finished.disconnect(close_old_connections)
    request_finished.disconnect(close_caches)
    request_finished.disconnect(reset_urlconf)  # each request sets it when it begins
    request_started.disconnect(close_old_connections)
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)


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
        chunks = iter(cast(StreamingHttpResponse, response))
        try:
            with suppress(ProtocolClosed):  # the client went away
                for chunk in chunks:
                    for _ in transport.send_bytes(chunk):  # waits for nothing, but may raise
                        pass
        finally:
            del transport  # the answer ends with it, and an error would keep it
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
