"""Real threads with real connections, all let go at the same moment."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread, local
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
READY_SECONDS = 30
FINISH_SECONDS = 120

_thread = local()


def run_together(works: Sequence[Callable[[], T]]) -> list[T | BaseException | None]:
    """Run each of `works` in a thread of its own, with a connection of its own, all at once.

    Returns what each returned, or the exception that it raised, in the order of `works`.
    """
    outcomes: list[T | BaseException | None] = [None] * len(works)
    ready = Barrier(len(works))

    def run(index: int, work: Callable[[], T]) -> None:
        _thread.index = index
        try:
            ready.wait(READY_SECONDS)
            outcomes[index] = work()
        except BaseException as error:
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(FINISH_SECONDS)
        assert not thread.is_alive(), f"a thread did not finish within {FINISH_SECONDS} seconds"
    return outcomes


def place() -> int:
    """The place in `works` of what the current thread runs, from 0."""
    index: int = _thread.index
    return index
