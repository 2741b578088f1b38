"""The load, by wrk: one light thread that keeps so many clients busy, and what that cost."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(__file__).with_name("generator.lua")
TIMEOUT = "20s"
HOW_TO_INSTALL = (
    "make bench needs the load generator wrk: apt-get install wrk (or brew install wrk)."
)


class NoGenerator(Exception):
    """wrk is not installed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients saw. Times in milliseconds where not said."""

    seconds: float
    requests: int
    """Answered within the time."""
    sent: int
    """How many of the file's requests were taken from it, counted from its beginning."""
    exhausted: int
    without_retry_after: int
    """Answers of 503 that did not say when to come again."""
    socket_errors: int
    timeouts: int
    p50: float
    p95: float
    p99: float
    max: float
    statuses: dict[str, int]
    surprise: str
    """The first answer of 400 or more that was no 409."""
    cpu_seconds: float = field(default=0.0)
    """What the generator itself used."""


def ensure_generator() -> None:
    """Raises NoGenerator, saying what to install, when wrk is missing."""
    if shutil.which("wrk") is None:
        raise NoGenerator(HOW_TO_INSTALL)


def version() -> str:
    """The generator's name and version."""
    done = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)  # noqa: S607
    return " ".join(done.stdout.split()[:2])


def send(
    url: str,
    requests: Iterable[bytes],
    *,
    clients: int,
    seconds: int,
    once: bool,
    think: tuple[int, int] | None = None,
) -> Load:
    """Let `clients` send the `requests` to the server at `url` for `seconds`.

    Each client sends the next when it has its answer, after thinking for between the two `think`
    times (ms), if given. `once`: none of the requests may be sent twice.
    """
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        for request in requests:
            file.write(b"%d\n%b" % (len(request), request))
        file.flush()
        command = [
            *("wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s"),
            *("--timeout", TIMEOUT, "--script", str(SCRIPT), url),
            *("--", file.name, "once" if once else "again", *map(str, think or ())),
        ]
        process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    results = [line for line in printed.splitlines() if line.startswith("RESULT ")]
    if process.returncode or len(results) != 1:
        raise RuntimeError(f"wrk failed:\n{printed}")
    return Load(**json.loads(results[0][7:]), cpu_seconds=usage.ru_utime + usage.ru_stime)


def http_request(
    method: str,
    path: str,
    token: str | None,
    body: bytes | None = None,
    headers: Iterable[str] = (),
) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body or b'')}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")
