"""HTTP over a bare socket: what a client sends is a matter of the test, byte by byte."""

import json
import socket
from dataclasses import dataclass
from typing import Any

CHUNKS = 2_000
"""How many of 64 kB an answer has that is streamed: what no socket's buffers hold."""
TIMEOUT_SECONDS = 30.0
"""Far beyond what is asserted: who waits so long was forgotten."""


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        return [error["code"] for error in self.json()["errors"]]


class Wire:
    """One connection."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT_SECONDS)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.read = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, *lines: str, body: bytes = b"") -> "Wire":
        """A head, or the beginning of one, of these lines; then the body, if there is one."""
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode("latin-1") + body)
        return self

    def request(self, line: str, *headers: str, body: bytes = b"") -> "Wire":
        """A request with a whole head."""
        return self.send(f"{line} HTTP/1.1", "Host: localhost", *headers, "", body=body)

    def post(self, path: str, *headers: str, body: bytes) -> "Wire":
        """A whole request with a body of that length."""
        return self.request(f"POST {path}", f"Content-Length: {len(body)}", *headers, body=body)

    def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer. Raises EOFError when the connection is closed before it is whole."""
        while b"\r\n\r\n" not in self.read:
            self._read_on()
        head, self.read = self.read.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        length = 0 if to_head else int(headers.get("content-length", 0))
        while len(self.read) < length:
            self._read_on()
        body, self.read = self.read[:length], self.read[length:]
        return Answer(int(first.split()[1]), headers, body)

    def _read_on(self) -> None:
        received = self.socket.recv(65_536)
        if not received:
            raise EOFError(self.read)
        self.read += received

    def is_silent(self) -> bool:
        """Whether the server has sent nothing more, and has not closed the connection."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) is None
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        finally:
            self.socket.settimeout(TIMEOUT_SECONDS)

    def is_closed(self) -> bool:
        """Whether the server has closed the connection and sent nothing more; waits for it."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def chunk(body: bytes) -> bytes:
    """One chunk of a body that is sent in chunks."""
    return b"%x\r\n%b\r\n" % (len(body), body)
