"""The threads that run batches: a few in each process, each with a database connection of its own.

They begin with the first batch, after the server has forked, and end with the process, when
everything that they were given is done.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from django.conf import settings

_mutex = Lock()
_threads: ThreadPoolExecutor | None = None


def run_soon(work: Callable[[], object]) -> None:
    """Have a committer run `work`, after what came before it.

    Raises:
        RuntimeError: the process is ending, or the system grants no thread.
    """
    global _threads  # noqa: PLW0603  one pool for the process
    with _mutex:
        if _threads is None:
            _threads = ThreadPoolExecutor(settings.COMMITTERS, thread_name_prefix="committer")
    _threads.submit(work)


def _forget_the_threads_of_the_parent() -> None:
    global _mutex, _threads
    _mutex, _threads = Lock(), None


os.register_at_fork(after_in_child=_forget_the_threads_of_the_parent)
