"""`make run` once everything is installed: what it looks at first, and how it ends."""

import os
import pty
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from scripts.serve import _hold, _says_no_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120
HALF_A_REQUEST = (
    b"POST /api/v1/auth/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(tmp_path, port):
    """Starts the program on a database of its own, in a process group of its own."""
    started = []

    def start(stdout=subprocess.PIPE, **environment):
        variables = {
            "PATH": os.environ["PATH"],
            "READ_DOT_ENV": "0",
            "SECRET_KEY": "k3y-for-tests-only-0123456789-0123456789-0123456789",
            "DATABASE_URL": f"sqlite:///{tmp_path}/shop.sqlite3",
            "STATIC_ROOT": str(tmp_path / "static"),
            "PORT": str(port),
            "WORKERS": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.serve"],
            cwd=ROOT,
            env=variables | environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)
        for stream in filter(None, (process.stdout, process.stderr)):
            stream.close()


def refusal_of(process):
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, out, err


def test_a_port_in_use_is_told_before_anything_is_done(serve, port, tmp_path):
    with socket.create_server(("127.0.0.1", port)):
        code, out, err = refusal_of(serve())

    assert (code, out) == (1, "")
    assert err.startswith(f"Port {port} is in use by process {os.getpid()} (")
    assert err.endswith("). PORT=… picks another.\n")
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_are_started_at_once_one_serves_until_a_second_ctrl_c(serve, port):
    both = [serve(), serve()]
    with ThreadPoolExecutor() as pool:
        waits = {pool.submit(process.wait, PATIENCE_SECONDS): process for process in both}
        ended, _ = wait(waits, return_when=FIRST_COMPLETED)
        (refused,) = (waits[one] for one in ended)
        (serving,) = (process for process in both if process is not refused)
        told = refused.stderr.read()
        assert refused.returncode == 1
        assert told.startswith(f"Port {port} is in use by process {serving.pid} (")
        assert "Ctrl-C stops." in next(line for line in serving.stdout if "Ctrl-C" in line)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(HALF_A_REQUEST)
            assert client.recv(100).startswith(b"HTTP/1.1 100 ")  # it is under way
            os.killpg(serving.pid, signal.SIGINT)
            assert next(line for line in serving.stdout if line.startswith("Waiting ")) == (
                "Waiting for the requests under way, 20 s at most; Ctrl-C again ends them.\n"
            )
            os.killpg(serving.pid, signal.SIGINT)
            assert serving.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"PORT": "65536"}, "PORT is '65536'; it must be a whole number from 1 to 65535.\n"),
        *(
            (
                {"HOST": name},
                f"HOST is {name!r}; it must be an address of this machine: 127.0.0.1.\n",
            )
            for name in ("localhost", "192.0.2.7")
        ),
    ],
)
def test_where_it_serves_is_looked_at_first(serve, setting, told, tmp_path):
    assert refusal_of(serve(**setting)) == (1, "", told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ("::", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),  # noqa: S104
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
    ],
)
def test_a_port_is_in_use_at_every_address_that_overlaps(port, taken, wanted):
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    told = f"^Port {port} is in use by process {os.getpid()} "
    with (
        socket.create_server((taken, port), family=family, dualstack_ipv6=":" in taken),
        pytest.raises(SystemExit, match=told),
    ):
        _hold(wanted, port)


def test_two_may_have_one_port_at_addresses_that_do_not(port):
    with socket.create_server(("127.0.0.2", port)), _hold("127.0.0.1", port) as held:
        assert held.getsockname() == ("127.0.0.1", port)


@pytest.mark.parametrize(
    ("variables", "is_makes_own"),
    [
        ({"PORT": "8000", "MAKELEVEL": "1", "MAKEFLAGS": ""}, True),
        ({"PORT": "8000", "MAKELEVEL": "1", "MAKEFLAGS": " -- PORT=8000"}, False),
        ({"PORT": "9000", "MAKELEVEL": "1", "MAKEFLAGS": ""}, False),
        ({"PORT": "8000"}, False),
        ({}, False),
    ],
)
def test_what_make_says_by_itself_is_not_said(monkeypatch, variables, is_makes_own):
    for name in ("PORT", "MAKELEVEL", "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert _says_no_port() == is_makes_own


def test_a_wrong_setting_is_told_in_a_sentence(serve, tmp_path):
    assert refusal_of(serve(HTTPS="maybe")) == (
        1,
        "",
        "HTTPS is 'maybe'; it must be one of 1, true, yes, on, 0, false, no, off.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_the_server_by_itself_tells_a_wrong_setting_once(tmp_path):
    """As the container starts it: no worker is there to tell it again."""
    process = subprocess.run(  # noqa: S603
        [ROOT / "scripts" / "server"],
        cwd=ROOT,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
            "READ_DOT_ENV": "0",
            "SECRET_KEY": "k3y-for-tests-only-0123456789-0123456789-0123456789",
            "HOST": "127.0.0.1",
            "PORT": "0",
            "WORKERS": "abc",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == "WORKERS is 'abc'; it must be a whole number from 1 up.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_down_is_told_in_a_sentence(serve, port):
    code, out, err = refusal_of(serve(DATABASE_URL=f"mysql://shop:secret@127.0.0.1:{port}/shop"))

    assert (code, out) == (1, "")
    told = f"DATABASE_URL is 'mysql://shop:…@127.0.0.1:{port}/shop'; no database answers there"
    assert err.startswith(told)
    assert err.count("\n") == 1
    assert "secret" not in err


def test_what_it_prints_can_be_opened_and_a_closed_terminal_ends_it(serve, port, tmp_path):
    shop = serve()
    for line in shop.stdout:
        if "Admin" in line:
            break
    with urllib.request.urlopen(line.split()[1], timeout=PATIENCE_SECONDS) as page:  # noqa: S310
        assert page.status == 200
    assert (tmp_path / "shop.sqlite3").stat().st_mode & 0o777 == 0o600

    code, _, err = refusal_of(serve())
    assert (code, err.startswith(f"Port {port} is in use by process ")) == (1, True)

    asked_at = time.monotonic()
    os.killpg(shop.pid, signal.SIGHUP)  # as a terminal that is closed does
    assert shop.wait(PATIENCE_SECONDS) == 0
    assert time.monotonic() - asked_at < 20, "the workers had to be killed"
    with socket.create_server(("127.0.0.1", port)):
        pass  # nobody has it any more


def test_on_a_terminal_the_log_is_text_and_without_it_the_shop_ends(serve, port):
    ours, terminal = pty.openpty()
    shop = serve(stdout=terminal)
    os.close(terminal)
    text = ""
    while "Ctrl-C stops." not in text:
        text += os.read(ours, 4_096).decode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=PATIENCE_SECONDS):
        pass
    while "/health/live" not in text:
        text += os.read(ours, 4_096).decode()

    os.close(ours)  # and nobody is sent a SIGHUP
    assert shop.wait(PATIENCE_SECONDS) == 0
    assert '{"' not in text
    assert "\x1b[" in text  # in colours
    assert "/health/ready" not in text.split("Ctrl-C stops.")[1]
