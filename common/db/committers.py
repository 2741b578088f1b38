"""The threads that run batches: a few in each process, each with a database connection of its own.

Half of them run what never waits for a row that others hold, the other half what may, so that those
who wait leave threads to those who needn't. They begin with the first batch, after the server has
forked, and end with the process, when everything that they were given is done.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from django.conf import settings

_mutex = Lock()
_pools: dict[bool, ThreadPoolExecutor] = {}
"""The threads for what may wait, and for what does not."""


def run_soon(work: Callable[[], object], *, may_wait: bool = False) -> None:
    """Have a committer run `work`, after what came before it.

    Raises:
        RuntimeError: the process is ending, or the system grants no thread.
    """
    with _mutex:
        if may_wait not in _pools:
            half = settings.COMMITTERS // 2
            _pools[may_wait] = ThreadPoolExecutor(
                half if may_wait else settings.COMMITTERS - half,
                thread_name_prefix="patient-committer" if may_wait else "committer",
            )
    is_taken = Lock()

    def run() -> None:
        if is_taken.acquire(blocking=False):
            work()

    try:
        _pools[may_wait].submit(run)
    except RuntimeError:
        # Of the system's refusal the pool tells after it has lined the work up: take it back.
        if is_taken.acquire(blocking=False):
            raise


def _forget_the_threads_of_the_parent() -> None:
    global _mutex  # noqa: PLW0603
    _mutex = Lock()
    _pools.clear()


os.register_at_fork(after_in_child=_forget_the_threads_of_the_parent)
