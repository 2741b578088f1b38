"""What comes in over RSGI, as Django reads it: the headers, and the body as a whole."""

import asyncio
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # it is imported there

from common.errors import BodyIncomplete, BodyLate
from common.http.bodies import BODY_HELD, REFUSAL
from common.http.deferred import WAITS_ELSEWHERE

Environ = dict[str, Any]

PIECES_MAX = 256
PIECE_BYTES = 4_096
"""In how many pieces a body without a length may come, whatever its size, and one more for each so
many bytes: each costs a turn of the loop, be it a single byte."""
NAMES_MAX = 1_000
NAME_MAX = 100
"""How many names of headers, of how many characters, are kept with what Django calls them; a client
can make up others."""
NOBODYS = ""

_always: Environ = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.errors": sys.stderr,
    WAITS_ELSEWHERE: True,
}
UNREADABLE = "\xff"
"""What stands for a token that can't be one: who sends it is told so, and not taken for nobody."""
_keys: dict[str, str] = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def environ_of(scope: Any) -> Environ:
    """The request line and the headers, as WSGI has them."""
    environ = _always.copy()
    environ["REQUEST_METHOD"] = scope.method
    path: str = scope.path
    environ["PATH_INFO"] = path if path.isascii() else path.encode().decode("latin-1")
    query: str = scope.query_string
    environ["QUERY_STRING"] = query if query.isascii() else query.encode().decode("latin-1")
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope.http_version}"
    environ["wsgi.url_scheme"] = scope.scheme
    environ["SERVER_NAME"], _, environ["SERVER_PORT"] = scope.server.rpartition(":")
    environ["REMOTE_ADDR"] = scope.client.rpartition(":")[0].strip("[]")
    headers = scope.headers
    seen = 0
    for name, value in headers.items():
        key = _keys.get(name) or _key_of(name)
        if key in environ:
            environ[key] += f"{'; ' if name == 'cookie' else ', '}{value}"
        else:
            environ[key] = value
            seen += 1
    if seen < len(headers):  # granian leaves out values that aren't ASCII
        for name in headers.keys():  # noqa: SIM118  it is no dict
            environ.setdefault(_key_of(name), UNREADABLE if name == "authorization" else "")
    environ.pop(NOBODYS, None)
    environ["wsgi.input"] = BytesIO()
    return environ


def _key_of(name: str) -> str:
    """What WSGI calls a header.

    With an underscore in its name it would be taken for the one with a hyphen there, which a proxy
    in front may set, and take out of what clients send.
    """
    key = _keys.get(name)
    if key is None:
        key = NOBODYS if "_" in name else "HTTP_" + name.upper().replace("-", "_")
        if len(_keys) < NAMES_MAX and len(name) <= NAME_MAX:
            _keys[name] = key
    return key


class InPieces(Exception):
    """A body without a length that comes in crumbs, or breaks off."""


class Body:
    """The body of a request, as far as it was read."""

    def __init__(self, protocol: Any, environ: Environ) -> None:
        self._protocol = protocol
        self._environ = environ
        self._stream: AsyncIterator[bytes] | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self.is_unread = False
        """Whether the client may have something of it still to send."""

    @property
    def is_there(self) -> bool:
        """Whether the client said that it sends one."""
        environ = self._environ
        return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ

    async def read(self, limit: int, until: float) -> None:
        """Read it as a whole, until that time of the loop's, and give it to the environment.

        What is larger than `limit` bytes is held: the environment then has a length that is more
        than that, and it may be read on with a higher limit. What can't be read leaves its error
        there: the answer to it is Django's to give.
        """
        environ = self._environ
        environ["wsgi.input"] = BytesIO()
        self.is_unread = True
        try:
            async with asyncio.timeout_at(until):
                environ[BODY_HELD] = not await self._read(limit)
        except TimeoutError:
            environ[REFUSAL] = BodyLate()
        except (ProtocolClosed, InPieces):
            environ[REFUSAL] = BodyIncomplete()
        else:
            self.is_unread = environ[BODY_HELD]
            if not self.is_unread:
                environ["wsgi.input"] = BytesIO(b"".join(self._pieces))

    async def _read(self, limit: int) -> bool:
        """Whether the whole of it, which is now read, is at most `limit` bytes."""
        if "HTTP_TRANSFER_ENCODING" in self._environ:
            return await self._read_pieces(limit)
        if int(self._environ["CONTENT_LENGTH"]) > limit:
            return False
        self._pieces.append(await self._protocol())
        return True

    async def _read_pieces(self, limit: int) -> bool:
        """The same, of a body without a length.

        Its end is one empty piece. There are two when the connection broke before it, and also at
        the end of trailers, which nobody needs here.
        """
        if self._stream is None:
            self._stream = aiter(self._protocol)
        empty = 0
        while self._size <= limit:
            try:
                piece = await anext(self._stream)
            except StopAsyncIteration:
                return True
            self._pieces.append(piece)
            self._size += len(piece)
            empty += not piece
            self._environ["CONTENT_LENGTH"] = str(self._size)
            if empty > 1 or len(self._pieces) > PIECES_MAX + self._size // PIECE_BYTES:
                raise InPieces
        return False
