"""Answers that everybody asks for alike, remembered for a moment by each process."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from django.db import connection

from common.errors import Busy

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

KEYS_MAX = 128
WAIT_SECONDS = 0.1
"""For how long a page that members wait for waits for another who asks."""


memories: list["Remembered[Any, Any]"] = []
"""All there are, for tests to begin with none."""


@dataclass(frozen=True, slots=True)
class _Known(Generic[Answer]):
    answer: Answer
    asked_at: float


class Remembered(Generic[Key, Answer]):
    """Asks, and for `seconds()` after that answers what it was told.

    One thread of the process asks at a time; who comes meanwhile is told the last answer, or waits
    a little for the first. So however many ask, the database is asked by one. With 0 seconds, and
    inside a transaction, whose rows nobody else may see, each asks for itself.
    """

    def __init__(
        self,
        ask: Callable[[Key], Answer],
        *,
        seconds: Callable[[], float],
        patience: float = WAIT_SECONDS,
    ) -> None:
        """`patience` is how many seconds one who has no answer at all waits for who asks."""
        self._ask = ask
        self._seconds = seconds
        self._patience = patience
        self._asking = Lock()
        self._known: dict[Key, _Known[Answer]] = {}
        self._forgotten = 0
        memories.append(self)

    def __call__(self, key: Key) -> Answer:
        """The answer for `key`.

        Raises:
            Busy: there is none yet, and the one who asks takes too long.
        """
        if not self._seconds() or connection.in_atomic_block:
            return self._ask(key)
        known = self._known.get(key)
        if known is not None and time.monotonic() - known.asked_at < self._seconds():
            return known.answer
        if not self._asking.acquire(timeout=0 if known else self._patience):
            if known is None:
                raise Busy
            return known.answer
        try:
            return self._ask_again(key, known)
        finally:
            self._asking.release()

    def _ask_again(self, key: Key, known: "_Known[Answer] | None") -> Answer:
        latest = self._known.get(key)
        if latest is not None and latest is not known:  # somebody asked while this one waited
            return latest.answer
        forgotten, asked_at = self._forgotten, time.monotonic()
        answer = self._ask(key)
        if forgotten == self._forgotten:  # else it may be of before what changed
            self._known.pop(key, None)
            while len(self._known) >= KEYS_MAX:
                self._known.pop(next(iter(self._known)))
            self._known[key] = _Known(answer, asked_at)
        return answer

    def forget(self) -> None:
        """Ask again for everything: what it is about was changed, in this process."""
        self._forgotten += 1
        self._known.clear()
