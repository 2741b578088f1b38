"""What a worker of granian's does for itself; benchmarks/faults stops some while they load."""

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from ecommerce.serving import worker_process


class MainProcess:
    """Stands for granian's server object, whose handler a forked worker inherits."""

    def __init__(self, *, interrupt_signal: bool = False) -> None:
        self.interrupt_signal = interrupt_signal

    def note(self, signum: int, frame: FrameType | None) -> None:
        self.interrupt_signal = True


@pytest.fixture(autouse=True)
def handler_restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_worker_is_known_by_the_handler_it_inherits(monkeypatch):
    monkeypatch.setattr(MainProcess, "__module__", "granian.server.mp")
    main_process = MainProcess()
    signal.signal(signal.SIGTERM, main_process.note)

    assert worker_process.granians_main_process() is main_process


def test_another_servers_worker_is_none_of_ours():
    signal.signal(signal.SIGTERM, MainProcess().note)
    assert worker_process.granians_main_process() is None
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert worker_process.granians_main_process() is None


def test_a_worker_that_loads_ends_at_a_sigterm():
    signal.signal(signal.SIGTERM, MainProcess().note)

    worker_process.heed_sigterm_while_loading(MainProcess())

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_sigterm_that_came_before_the_application_is_heeded():
    with pytest.raises(SystemExit) as ended:
        worker_process.heed_sigterm_while_loading(MainProcess(interrupt_signal=True))

    assert ended.value.code == 0


def test_what_is_loaded_is_left_out_of_collections():
    threshold = gc.get_threshold()
    try:
        worker_process.leave_the_application_out_of_collections()

        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 10_000
        assert gc.get_threshold()[0] == worker_process.ALLOCATIONS_BETWEEN_COLLECTIONS
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


@pytest.mark.parametrize(("seconds", "milliseconds"), [(7, 7_000), (0.5, 500)])
def test_who_takes_nothing_of_an_answer_is_cut_off_by_the_system(seconds, milliseconds):
    """What granian listens with is among the files of the process; the others are left alone."""
    files = set(Path("/proc/self/fd").iterdir())
    with (
        socket.socket() as listens,
        socket.socket() as other,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        listens.bind(("127.0.0.1", 0))
        listens.listen()
        unix.bind(f"\0front-{os.getpid()}")
        unix.listen()

        worker_process.cut_off_who_does_not_read(seconds)

        timeout = socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
        assert (listens.getsockopt(*timeout), other.getsockopt(*timeout)) == (milliseconds, 0)
        assert unix.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    assert set(Path("/proc/self/fd").iterdir()) == files


def test_whatever_goes_wrong_no_file_of_others_is_closed():
    with socket.socket() as listens:
        listens.bind(("127.0.0.1", 0))
        listens.listen()
        with pytest.raises(TypeError):
            worker_process.cut_off_who_does_not_read("soon")
        gc.collect()
        assert listens.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


# --- Cores --------------------------------------------------------------------------------------

WORKER = """
import os, sys
import django
django.setup()
from ecommerce.serving import worker_process
os.sched_getaffinity = lambda pid: {3, 5}  # of this machine, were it so
kept = []
os.sched_setaffinity = lambda pid, cores: kept.extend(cores)
worker_process.keep_to_a_core()
print(kept, os.sched_getscheduler(0) == os.SCHED_BATCH, flush=True)
sys.stdin.read()
"""


class Worker:
    """A process that keeps to a core as a worker does, on a machine of two, until it is ended."""

    def __init__(self, **variables: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", WORKER],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "ecommerce.settings", **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self) -> str:
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()
        return self.said

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def start() -> Iterator[type[Worker]]:
    started: list[Worker] = []

    def start(**variables: str) -> Worker:
        started.append(Worker(**variables))
        return started[-1]

    yield start
    for worker in started:
        worker.end()


def test_workers_have_a_core_each_and_a_new_one_takes_that_of_the_dead(start):
    first, second = start(WORKERS="2"), start(WORKERS="2")
    assert {first.says(), second.says()} == {"[3] True", "[5] True"}

    of_second_core = second if second.said == "[5] True" else first
    of_second_core.end()
    assert start(WORKERS="2").says() == "[5] True"


def test_a_worker_that_comes_while_those_it_replaces_still_live_is_left_to_the_system(start):
    workers = [start(WORKERS="2") for _ in range(2)]
    assert sorted(worker.says() for worker in workers) == ["[3] True", "[5] True"]
    assert start(WORKERS="2").says() == "[] True"


def test_more_workers_than_cores_are_dealt_out(start):
    workers = [start(WORKERS="4") for _ in range(4)]
    assert sorted(worker.says() for worker in workers) == ["[3] True"] * 2 + ["[5] True"] * 2


@pytest.mark.parametrize("workers", ["1", "3"])
def test_cores_are_left_to_the_system_where_workers_cannot_be_dealt_out_evenly(start, workers):
    assert start(WORKERS=workers).says() == "[] True"


def test_all_is_left_to_the_system_where_that_is_asked(start):
    assert start(WORKERS="2", PIN_WORKERS="0").says() == "[] False"
