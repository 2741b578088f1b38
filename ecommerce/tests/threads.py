"""Real threads with real connections, all let go at the same moment."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any, TypeVar

from django.db import connections

T = TypeVar("T")


def run_together(works: Sequence[Callable[[], T]]) -> list[T | BaseException]:
    """Run each of `works` in a thread of its own; what each returned or raised, in order.

    Every thread has its own database connection and waits until all are ready to go.
    """
    outcomes: list[Any] = [None] * len(works)
    ready = Barrier(len(works))

    def run(index: int, work: Callable[[], T]) -> None:
        try:
            ready.wait(timeout=30)
            outcomes[index] = work()
        except BaseException as error:  # the caller looks at it
            outcomes[index] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive(), "a thread did not finish within 120 seconds"
    return outcomes
