"""The other way to run a group commit: one thread per process serves all who wait.

Here only to be measured against leading in turn (docs/adr/0016-group-commit.md): serve
`benchmarks.committer_thread:application` instead of `ecommerce.wsgi:application`.
"""

from collections import deque
from collections.abc import Hashable
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from ecommerce.common.group_commit import Batch, GroupCommit
from ecommerce.wsgi import application

__all__ = ["application"]


class CommitterThread(GroupCommit[Any, Any, Any]):
    """Requests wait in one queue; a thread takes those of one key at a time and runs them."""

    def __init__(self, run: Any) -> None:
        super().__init__(run)
        self._changed = Condition()
        self._queues: dict[Hashable, deque[tuple[Any, Future[Any]]]] = {}
        self._thread: Thread | None = None

    def submit(self, key: Any, request: Any) -> Any:
        answer: Future[Any] = Future()
        with self._changed:
            if self._thread is None:  # after the server has forked
                self._thread = Thread(target=self._serve, daemon=True)
                self._thread.start()
            self._queues.setdefault(key, deque()).append((request, answer))
            self._changed.notify()
        return answer.result(settings.GROUP_COMMIT_WAIT_SECONDS)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queues)
                key = next(iter(self._queues))
            taken: list[tuple[Any, Future[Any]]] = []

            def take(key: Any = key, taken: Any = taken) -> list[Any]:
                with self._changed:
                    queue = self._queues[key]
                    while queue and len(taken) < settings.GROUP_COMMIT_MAX_BATCH:
                        taken.append(queue.popleft())
                    if not queue:
                        del self._queues[key]
                return [request for request, _ in taken]

            close_old_connections()
            for (_, answer), outcome in zip(taken, self._run(key, Batch(take)), strict=True):
                if isinstance(outcome, Exception):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)


def use() -> None:
    """Let coupons and orders be served so."""
    from coupons import services as coupons  # noqa: PLC0415  once the apps are loaded
    from orders import services as orders  # noqa: PLC0415

    coupons._issuing = CommitterThread(coupons._issue_batch)
    orders._placing = CommitterThread(orders._place_batch)


use()
