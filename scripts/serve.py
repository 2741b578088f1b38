"""Prepare the database and serve, until Ctrl-C, a SIGTERM or the end of the terminal.

    python -m scripts.serve

By the settings of docs/operations.md, from the environment and `.env`.
"""

import signal

if __name__ == "__main__":  # first: from here on a Ctrl-C ends it, and leaves no traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import ctypes
import errno
import os
import select
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import django
from django.core.management import call_command
from django.db import connection

from ecommerce.environment import wait_for_ever
from ecommerce.trouble import in_a_sentence

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60
RELAY_STOP_SECONDS = 15
STOPPING_IS_TOLD_AFTER_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Returns the exit code: 0 when it was asked to stop and did."""
    if _says_no_port():
        del os.environ["PORT"]
    with in_a_sentence():
        from ecommerce.settings import HOST, PORT, RELAY  # noqa: PLC0415  they may be wrong

        with _hold(HOST, PORT):
            os.umask(0o077)  # a database in a file is as private as the keys in .env
            _prepare()
    if sys.stdout.isatty():
        os.environ.setdefault("LOG_FORMAT", "text")
    return _Server(HOST, PORT, RELAY).serve()


def _says_no_port() -> bool:
    """Whether PORT is what `make` says by itself, where nobody has named one to it."""
    from_make = "MAKELEVEL" in os.environ and "PORT=" not in os.environ.get("MAKEFLAGS", "")
    return from_make and os.environ.get("PORT") == "8000"


# --- The port -------------------------------------------------------------------------------------


def _hold(host: str, port: int) -> socket.socket:
    """A socket that has the port, so that no other takes it meanwhile.

    granian would share it with another granian (SO_REUSEPORT): two shops behind one address.

    Raises:
        SystemExit: it can't be had, with who has it.
    """
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        ip_address(host)  # a name may be of several
        held.bind((host, port))
        held.listen()  # two that are only bound would go together
    except (ValueError, OSError) as error:
        held.close()
        number = error.errno if isinstance(error, OSError) else errno.EADDRNOTAVAIL
        if number == errno.EADDRNOTAVAIL:
            sys.exit(f"HOST is {host!r}; it must be an address of this machine: 127.0.0.1.")
        has = _listener(port) or "another program"
        if number == errno.EACCES:
            has = "the system, which lets only root have it"
        sys.exit(f"Port {port} is in use by {has}. PORT=… picks another.")
    return held


def _listener(port: int) -> str:
    """The program that listens on the port, where /proc tells (on Linux, and not of others)."""
    inodes = {
        fields[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()).removeprefix("socket:[").removesuffix("]") in inodes:
                process = link.parent.parent
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                return f"process {process.name} ({' '.join(words.split())[:100]})"
    return ""


# --- The database ---------------------------------------------------------------------------------


def _prepare() -> None:
    """Collect static files, migrate, seed an empty database."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "ecommerce.settings"
    django.setup()
    wait_for_ever(connection.settings_dict)
    connection.ensure_connection()
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", interactive=False, verbosity=0, skip_checks=False)
    call_command("seed", if_empty=True)
    connection.close()


# --- The server -----------------------------------------------------------------------------------


class _Server:
    """The server in a session of its own: a Ctrl-C reaches this program alone.

    The terminal would send it to the workers too, and who is busy with ending misses what it is
    told. A closed terminal's SIGHUP would make the server load itself anew instead of ending.
    """

    def __init__(self, host: str, port: int, wants_relay: bool) -> None:
        self.url = f"http://{_reached_by(host)}:{port}"
        self.asked_to_stop = 0.0
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        self.process = subprocess.Popen(
            [ROOT / "scripts" / "server"],
            cwd=ROOT,
            env={**os.environ, "PATH": path},
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
        self.relay = self._start_relay() if wants_relay else None
        self.terminal = select.poll()
        for stream in (sys.stdin, sys.stdout):
            if stream is not None and stream.isatty():
                self.terminal.register(stream, 0)  # 0: tells only that it is gone

    def _start_relay(self) -> "subprocess.Popen[bytes]":
        """What tells other systems of what happens; docs/events.md."""
        return subprocess.Popen(
            [sys.executable, ROOT / "manage.py", "relay"],
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )

    def serve(self) -> int:
        code = self._serve()
        if self.relay is not None:
            self.relay.terminate()
            try:
                self.relay.wait(RELAY_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.relay.kill()
        return code

    def _serve(self) -> int:
        self._await_first_answer()
        told = False
        while self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.5)
            self._stop_without_terminal()
            if self.relay is not None and self.relay.poll() is not None and not self.asked_to_stop:
                _say("The relay has ended; its log above may say why. Events wait for the next.")
                self.relay = None
            late = time.monotonic() - self.asked_to_stop > STOPPING_IS_TOLD_AFTER_SECONDS
            if self.asked_to_stop and late and not told and self.process.poll() is None:
                _say("Waiting for the requests under way, 20 s at most; Ctrl-C again ends them.")
                told = True
        return 0 if self.asked_to_stop else self.process.returncode or 1

    def _await_first_answer(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while self.process.poll() is None and not self.asked_to_stop:
            self._stop_without_terminal()
            if _answers(self.url):
                _say(banner(self.url))
                return
            if time.monotonic() > deadline:
                _say("The server does not answer yet; its log above may say why.")
                return
            time.sleep(0.05)

    def _stop_without_terminal(self) -> None:
        """A `make` that is the terminal's first program keeps its SIGHUP to itself."""
        if self.terminal.poll(0) and not self.asked_to_stop:
            self._stop(signal.SIGHUP, None)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.asked_to_stop and number == signal.SIGINT:
            os.killpg(self.process.pid, signal.SIGKILL)
        elif not self.asked_to_stop:
            self.asked_to_stop = time.monotonic()
            self.process.terminate()


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when this program is gone, however it ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _reached_by(host: str) -> str:
    """The address that reaches a server which listens at `host`, as a URL has it."""
    address = ip_address(host)
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"[{address}]" if address.version == 6 else str(address)


def _answers(url: str) -> bool:
    try:
        request = urllib.request.Request(  # noqa: S310  of ours, too
            f"{url}/health/ready", headers={"User-Agent": "probe"}
        )
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310  of ours
            return True
    except urllib.error.HTTPError:
        return True  # it serves, and says itself what is down
    except OSError:
        return False


def banner(url: str) -> str:
    """What to open, once it can be opened."""
    places: Sequence[tuple[str, str]] = (
        ("Swagger", "/api/docs/"),
        ("Redoc", "/api/redoc/"),
        ("Admin", "/admin/"),
        ("Health", "/health/ready"),
    )
    lines = [f"  {name:8}  {url}{path}" for name, path in places]
    return "\n".join(["", *lines, "", "  Ctrl-C stops.", ""])


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal may be gone; what Python kept for it would fail the end
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), f"{text}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
