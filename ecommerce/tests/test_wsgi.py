"""A worker that is told to stop before it serves; benchmarks/faults shows it with the server."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from ecommerce import wsgi


class MainProcess:
    """Stands for granian's server object, whose handler a forked worker inherits."""

    def __init__(self, *, interrupt_signal: bool) -> None:
        self.interrupt_signal = interrupt_signal

    def note(self, signum: int, frame: FrameType | None) -> None:
        self.interrupt_signal = True


@pytest.fixture(autouse=True)
def handler_restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def granians(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MainProcess, "__module__", "granian.server.mp")


@pytest.mark.usefixtures("granians")
def test_a_worker_that_loads_ends_at_a_sigterm() -> None:
    signal.signal(signal.SIGTERM, MainProcess(interrupt_signal=False).note)

    wsgi._heed_sigterm_while_loading()

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("granians")
def test_a_sigterm_that_came_before_the_application_is_heeded() -> None:
    signal.signal(signal.SIGTERM, MainProcess(interrupt_signal=True).note)

    with pytest.raises(SystemExit) as ended:
        wsgi._heed_sigterm_while_loading()

    assert ended.value.code == 0


def test_the_handler_of_another_server_is_left_alone() -> None:
    handler = MainProcess(interrupt_signal=True).note
    signal.signal(signal.SIGTERM, handler)

    wsgi._heed_sigterm_while_loading()

    assert signal.getsignal(signal.SIGTERM) == handler
