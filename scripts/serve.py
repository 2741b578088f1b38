"""Prepare the database and serve, until Ctrl-C, a SIGTERM or the end of the terminal.

    python -m scripts.serve

HOST, PORT, WORKERS, RELAY (1: with a relay of events) and every setting of docs/operations.md are
read from the environment.
"""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
READY_SECONDS = 60
RELAY_STOP_SECONDS = 15
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
STOPPING_IS_TOLD_AFTER_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Returns the exit code: 0 when it was asked to stop and did."""
    port, wants_relay = _port(), _wants_relay()
    held = _hold(port)
    if isinstance(held, str):
        return _refuse(f"Port {port} is in use by {held}. PORT=… picks another.")
    with held:
        os.umask(0o077)  # a database in a file is as private as the keys in .env
        if sentence := _prepare():
            return _refuse(sentence)
    if sys.stdout.isatty():
        os.environ.setdefault("LOG_FORMAT", "text")
    return _Server(port, wants_relay).serve()


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


# --- The port -------------------------------------------------------------------------------------


def _port() -> int:
    text = os.environ.get("PORT", "8000")
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        sys.exit(f"PORT is {text!r}; it must be a number from 1 to 65535.")
    return int(text)


def _wants_relay() -> bool:
    text = os.environ.get("RELAY", "").lower()
    if text not in ("", *YES, *NO):
        sys.exit(f"RELAY is {text!r}; it must be one of {', '.join(YES + NO)}.")
    return text in YES


def _hold(port: int) -> socket.socket | str:
    """A socket that has the port, so that no other takes it meanwhile; or who has it, in words.

    granian would share it with another granian (SO_REUSEPORT): two shops behind one address.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((HOST, port))
        held.listen()  # two that are only bound would go together
    except PermissionError:
        held.close()
        return "the system, which lets only root have it"
    except OSError:
        held.close()
        return _listener(port) or "another program"
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


def _prepare() -> str:
    """Collect static files, migrate, seed an empty database; returns why it can't, or nothing."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "ecommerce.settings"
    import django  # noqa: PLC0415  the port is looked at before anything else
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import OperationalError, connection  # noqa: PLC0415

    from ecommerce.environment import wait_for_ever  # noqa: PLC0415

    try:
        django.setup()
        wait_for_ever(connection.settings_dict)
        connection.ensure_connection()
        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("seed", if_empty=True)
        connection.close()
    except ImproperlyConfigured as error:
        return str(error)
    except OperationalError as error:
        where = connection.settings_dict
        named = f"{where['HOST']}:{where['PORT'] or 3306}" if where["HOST"] else where["NAME"]
        return f"The database at {named} can't be used: {error.args[-1]}"
    return ""


# --- The server -----------------------------------------------------------------------------------


class _Server:
    """The server in a session of its own: a Ctrl-C reaches this program alone.

    The terminal would send it to the workers too, and who is busy with ending misses what it is
    told. A closed terminal's SIGHUP would make the server load itself anew instead of ending.
    """

    def __init__(self, port: int, wants_relay: bool) -> None:
        self.port = port
        self.asked_to_stop = 0.0
        variables = {"HOST": HOST, "PORT": str(port), "WORKERS": "2"}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        self.process = subprocess.Popen(
            [ROOT / "scripts" / "server"],
            cwd=ROOT,
            env={**variables, **os.environ, "PATH": path},
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
            # A `make` that is the terminal's first program keeps its SIGHUP to itself.
            if self.terminal.poll(0) and not self.asked_to_stop:
                self._stop(signal.SIGHUP, None)
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
            if _answers(self.port):
                _say(banner(self.port))
                return
            if time.monotonic() > deadline:
                _say("The server does not answer yet; its log above may say why.")
                return
            time.sleep(0.05)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.asked_to_stop and number == signal.SIGINT:
            os.killpg(self.process.pid, signal.SIGKILL)
        elif not self.asked_to_stop:
            self.asked_to_stop = time.monotonic()
            self.process.terminate()


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when this program is gone, however it ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _answers(port: int) -> bool:
    try:
        request = urllib.request.Request(
            f"http://{HOST}:{port}/health/ready", headers={"User-Agent": "probe"}
        )
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310  of ours
            return True
    except urllib.error.HTTPError:
        return True  # it serves, and says itself what is down
    except OSError:
        return False


def banner(port: int) -> str:
    """What to open, once it can be opened."""
    shop = f"http://{HOST}:{port}"
    places: Sequence[tuple[str, str]] = (
        ("Swagger", "/api/docs/"),
        ("Redoc", "/api/redoc/"),
        ("Admin", "/admin/"),
        ("Health", "/health/ready"),
    )
    lines = [f"  {name:8}  {shop}{path}" for name, path in places]
    return "\n".join(["", *lines, "", "  Ctrl-C stops.", ""])


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal may be gone; what Python kept for it would fail the end
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), f"{text}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
