"""Strangers who send slowly, read nothing, or ask for what is costly, by the dozen or thousand.

Each stranger is a coroutine that goes on until it is told to stop, and counts what it hears. They
share one event loop, so that a thousand of them cost the machine next to nothing, in a process of
their own: who measures what others wait must not wait for them.
"""

import asyncio
import json
import random
import re
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from subprocess import PIPE, Popen
from uuid import uuid4

HOST = "127.0.0.1"
ANSWER_SECONDS = 30.0
"""Longer than the shop may take to answer, or to cut off who is slow."""
ANSWER_BYTES = 4096
RETRY_AFTER = re.compile(rb"retry-after: (\d+)", re.IGNORECASE)
LISTS = 3
"""How many long lists a reader who does not read has asked for: 100 kB, far beyond the line."""
RARE = "뷁꿻쮏쀍퓛뛟쩳"
"""Syllables that no product's name has."""


@dataclass(slots=True)
class Place:
    """Where a crowd stands, and what it has heard there."""

    port: int
    heard: Counter[str] = field(default_factory=Counter)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    async def until(self, awaited: Awaitable[bytes]) -> bytes | None:
        """What `awaited` returns; None when the crowd is sent home first."""
        home = asyncio.ensure_future(self.stopping.wait())
        task = asyncio.ensure_future(awaited)
        await asyncio.wait({home, task}, timeout=ANSWER_SECONDS, return_when="FIRST_COMPLETED")
        home.cancel()
        if task.done():
            return task.result()
        task.cancel()
        if not self.stopping.is_set():
            self.heard["nothing in time"] += 1
        return None

    def note(self, answer: bytes | None) -> None:
        """Count an answer by its status, a connection that was closed without one as such."""
        if answer is not None:
            self.heard[answer.split(b" ", 2)[1].decode() if answer else "closed"] += 1


Stranger = Callable[[Place], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many strangers who all behave alike."""

    title: str
    size: int
    behave: Stranger
    gather_seconds: float
    """What they take to be there, and the shop to have served what they have asked for by then."""
    may_hear: frozenset[str]
    """What they may be answered with; `closed` is a connection that was cut without an answer."""


@contextmanager
def present(crowd: Crowd, port: int) -> Iterator[Counter[str]]:
    """The crowd stands at the shop's door; yields what it will have heard, counted, afterwards."""
    command = [sys.executable, "-m", __name__, crowd.title, str(port)]
    heard = Counter[str]()
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:  # noqa: S603
        try:
            yield heard
        finally:
            heard.update(json.loads(process.communicate()[0]))


async def _stand(crowd: Crowd, place: Place) -> None:
    """Until nobody wants them there any more: who sent them closes what they read."""
    async with asyncio.TaskGroup() as strangers:
        for _ in range(crowd.size):
            strangers.create_task(_behave_on(crowd.behave, place))
        await asyncio.to_thread(sys.stdin.read)
        place.stopping.set()


async def _behave_on(behave: Stranger, place: Place) -> None:
    while not place.stopping.is_set():
        try:
            await behave(place)
        except OSError:  # turned away at the door, or cut while it wrote
            place.heard["closed"] += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(place.stopping.wait(), 0.1)


@contextmanager
def _closing(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.close()


async def _exchange(place: Place, request: bytes) -> None:
    """Send a request and hear the answer; wait when told to come back later."""
    reader, writer = await asyncio.open_connection(HOST, place.port)
    with _closing(writer):
        writer.write(request)
        answer = await place.until(reader.read(ANSWER_BYTES))
    place.note(answer)
    if answer and (wait := RETRY_AFTER.search(answer)):
        with suppress(TimeoutError):
            await asyncio.wait_for(place.stopping.wait(), int(wait[1]))


def _request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


# --- Slow -----------------------------------------------------------------------------------------


async def send_half_a_body(place: Place) -> None:
    """Half of what the length promises, and then nothing."""
    head = _request("POST", "/api/v1/auth/signup/", b"x" * 400)[:-200]
    await _exchange(place, head)


async def send_half_a_chunk(place: Place) -> None:
    """A body in chunks that never ends."""
    head = _request(
        "POST",
        "/api/v1/auth/signup/",
        b"",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    )
    await _exchange(place, head + b'10\r\n{"username": "mi')


async def send_half_a_head(place: Place) -> None:
    """Headers that never end."""
    await _exchange(place, b"GET /api/v1/products/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ye")


async def read_nothing(place: Place) -> None:
    """Ask for one long list after another, and take none of the answers from the line."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full
    line.setblocking(False)
    with line:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(line, (HOST, place.port))
        ask = _request("GET", "/api/v1/products/?page_size=100").replace(b"close", b"keep-alive")
        await loop.sock_sendall(line, ask * LISTS)
        place.heard["asked, and read nothing"] += 1
        await place.stopping.wait()


# --- Costly ---------------------------------------------------------------------------------------


async def sign_up(place: Place) -> None:
    """A password hash."""
    name = f"crowd{uuid4().hex[:16]}"
    body = json.dumps({"username": name, "password": "correct horse battery"}).encode()
    await _exchange(place, _request("POST", "/api/v1/auth/signup/", body))


async def sign_in(place: Place) -> None:
    """A password hash too, for a name that nobody has."""
    name = f"nobody{uuid4().hex[:16]}"
    body = json.dumps({"username": name, "password": "correct horse battery"}).encode()
    await _exchange(place, _request("POST", "/api/v1/auth/token/", body))


async def search_for_what_is_rare(place: Place) -> None:
    """A syllable that no name has: nothing to find, and all to look through."""
    sought = "".join(f"%{byte:02X}" for byte in place.rng.choice(RARE).encode())
    await _exchange(place, _request("GET", f"/api/v1/products/?search={sought}"))


CUT_OFF = frozenset({"408", "closed"})
CROWDS = (
    Crowd("half-sent bodies", 90, send_half_a_body, 0.5, CUT_OFF),
    Crowd("half-sent chunks", 90, send_half_a_chunk, 0.5, CUT_OFF),
    Crowd("half-sent headers", 1_000, send_half_a_head, 1.0, CUT_OFF),
    Crowd(
        "readers who do not read",
        200,
        read_nothing,
        4.0,
        frozenset({"asked, and read nothing", "closed"}),
    ),
    Crowd("sign-ups", 200, sign_up, 0.5, frozenset({"201", "503"})),
    Crowd("sign-ins", 200, sign_in, 0.5, frozenset({"401", "429", "503"})),
    Crowd(
        "searches for what is rare",
        32,
        search_for_what_is_rare,
        0.5,
        frozenset({"200", "400", "503"}),
    ),
)


if __name__ == "__main__":
    title, port = sys.argv[1:]
    sent = next(crowd for crowd in CROWDS if crowd.title == title)
    there = Place(int(port))
    asyncio.run(_stand(sent, there))
    sys.stdout.write(json.dumps(there.heard))
