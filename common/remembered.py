"""Answers that everybody asks for alike, remembered for a moment by each process."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from math import inf
from threading import Lock
from typing import Any, Generic, TypeVar

from django.db import connection

from common import sources
from common.errors import Busy

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")

KEYS_MAX = 128
WAIT_SECONDS = 0.1
"""For how long a page that members wait for waits for another who asks."""


memories: list["Memory[Any, Any]"] = []
"""All there are, for tests to begin with none."""


def clock() -> float:
    """This moment, in the seconds that memories count in."""
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class _Known(Generic[Answer]):
    answer: Answer
    asked_at: float


class Memory(Generic[Key, Answer]):
    """What this process was told, each for `seconds()` from when it was asked, by `clock`."""

    def __init__(self, *, seconds: Callable[[], float], also_inside: bool = False) -> None:
        """Kept `also_inside` of transactions is what none changes that asks for it."""
        self._seconds = seconds
        self._also_inside = also_inside
        self._known: dict[Key, _Known[Answer]] = {}
        self._forgotten_at: dict[Key, float] = {}
        self._all_forgotten_at = -inf
        memories.append(self)

    def get(self, key: Key) -> Answer | None:
        """What is remembered, if it is no older than that."""
        known = self._known.get(key)
        return known.answer if known and self._is_fresh(known) else None

    def keep(self, key: Key, answer: Answer, *, asked_at: float) -> None:
        """Remember an answer that the database gave at that moment.

        Not inside a transaction, unless that is meant: what was seen may be undone.
        """
        if not self._also_inside and connection.in_atomic_block:
            return
        self._known.pop(key, None)
        while len(self._known) >= KEYS_MAX:
            self._known.pop(next(iter(self._known)))
        self._known[key] = _Known(answer, asked_at)
        # Looked at only now: who forgets later than this forgets what was just written.
        if asked_at <= max(self._forgotten_at.get(key, -inf), self._all_forgotten_at):
            self._known.pop(key, None)

    def forget(self, key: Key | None = None) -> None:
        """Ask again, for one thing or for all: what it is about was changed, in this process."""
        if key is None:
            self._all_forgotten_at = clock()
            self._forgotten_at.clear()
            self._known.clear()
        else:
            self._forgotten_at[key] = clock()
            self._known.pop(key, None)

    def _is_fresh(self, known: "_Known[Answer]", times: int = 1) -> bool:
        return clock() - known.asked_at < times * self._seconds()


class Remembered(Memory[Key, Answer]):
    """Asks, and for `seconds()` after that answers what it was told.

    One thread of the process asks at a time; who comes meanwhile is told the last answer, for as
    long again, or waits a little for the new one. So however many ask, the database is asked by
    one, and no answer is older than twice that, however long nobody asked. With 0 seconds, and
    inside a transaction, whose rows nobody else may see, each asks for itself, unless it is kept
    `also_inside`.
    """

    def __init__(
        self,
        ask: Callable[[Key], Answer],
        *,
        seconds: Callable[[], float],
        patience: float = WAIT_SECONDS,
        also_inside: bool = False,
    ) -> None:
        """`patience` is how many seconds one who can be told nothing waits for who asks."""
        super().__init__(seconds=seconds, also_inside=also_inside)
        self._ask = ask
        self._patience = patience
        self._asking = Lock()

    def __call__(self, key: Key) -> Answer:
        """The answer for `key`.

        Raises:
            Busy: there is none that is new enough, and the one who asks takes too long.
        """
        if not sources.are_noted():
            return self._answer(key)
        with sources.aside():
            answer = self._answer(key)
        sources.note_memory(partial(self._answer, key), answer)
        return answer

    def _answer(self, key: Key) -> Answer:
        if not self._seconds() or (not self._also_inside and connection.in_atomic_block):
            return self._ask(key)
        known = self._known.get(key)
        if known is not None and self._is_fresh(known):
            return known.answer
        if known is not None and not self._is_fresh(known, times=2):
            known = None
        if not self._asking.acquire(timeout=0 if known else self._patience):
            if known is None:
                raise Busy
            return known.answer
        try:
            latest = self._known.get(key)
            if latest is not None and self._is_fresh(latest):  # asked while this one waited
                return latest.answer
            asked_at = clock()
            answer = self._ask(key)
            self.keep(key, answer, asked_at=asked_at)
            return answer
        finally:
            self._asking.release()
