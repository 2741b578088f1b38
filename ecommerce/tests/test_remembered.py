"""Answers remembered for a moment: one thread asks, and nobody waits long for it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import transaction

from common import remembered
from common.errors import Busy
from common.remembered import KEYS_MAX, Remembered

pytestmark = pytest.mark.django_db(transaction=True)


class Asked:
    """A question that is answered when the test says so."""

    def __init__(self) -> None:
        self.answers = iter(range(1, 1_000))
        self.began = Event()
        self.may_end = Event()
        self.may_end.set()
        self.count = 0

    def __call__(self, key: str) -> int:
        self.count += 1
        self.began.set()
        assert self.may_end.wait(10)
        return next(self.answers)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def memory_of(asked: Asked, seconds: float = 100.0) -> Remembered[str, int]:
    return Remembered(asked, seconds=lambda: seconds)


def test_each_key_is_asked_for_once(asked):
    memory = memory_of(asked)

    assert [memory("a"), memory("a"), memory("b"), memory("a"), memory("b")] == [1, 1, 2, 1, 2]


def test_who_comes_while_another_asks_again_is_told_the_last_answer(asked, monkeypatch):
    now = 0.0
    monkeypatch.setattr(remembered.time, "monotonic", lambda: now)
    memory = memory_of(asked, seconds=1.0)
    assert memory("a") == 1
    now = 1.9
    asked.may_end.clear()
    asked.began.clear()
    with ThreadPoolExecutor(1) as pool:
        asks = pool.submit(memory, "a")
        assert asked.began.wait(10)
        assert memory("a") == 1
        asked.may_end.set()
        assert asks.result(10) == 2
    assert memory("a") == 2
    assert asked.count == 2


@pytest.mark.parametrize("now", [2.0, 86_400.0])
def test_no_answer_is_told_that_is_older_than_twice_its_time(asked, monkeypatch, now):
    moment = 0.0
    monkeypatch.setattr(remembered.time, "monotonic", lambda: moment)
    memory = memory_of(asked, seconds=1.0)
    assert memory("a") == 1
    moment = now  # nobody asked meanwhile
    asked.may_end.clear()
    asked.began.clear()
    with ThreadPoolExecutor(1) as pool:
        asks = pool.submit(memory, "a")
        assert asked.began.wait(10)
        with pytest.raises(Busy):
            memory("a")
        asked.may_end.set()
        assert asks.result(10) == 2
    assert memory("a") == 2


def test_who_comes_while_another_asks_for_the_first_time_is_busy(asked):
    memory = memory_of(asked)
    asked.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        asks = pool.submit(memory, "a")
        assert asked.began.wait(10)
        for key in ("a", "b"):
            with pytest.raises(Busy):
                memory(key)
        asked.may_end.set()
        assert asks.result(10) == 1
    assert (memory("a"), memory("b")) == (1, 2)


def test_what_is_forgotten_while_it_is_asked_is_not_remembered(asked):
    memory = memory_of(asked)
    asked.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        asks = pool.submit(memory, "a")
        assert asked.began.wait(10)
        memory.forget()
        asked.may_end.set()
        assert asks.result(10) == 1
    assert memory("a") == 2


def test_who_fails_leaves_the_next_to_ask(asked):
    def fail_once(key: str) -> int:
        if asked.count == 0:
            asked.count += 1
            raise ValueError(key)
        return asked(key)

    memory = Remembered(fail_once, seconds=lambda: 100.0)
    with pytest.raises(ValueError, match="a"):
        memory("a")
    assert memory("a") == 1


def test_inside_a_transaction_nothing_is_remembered_and_each_asks(asked):
    memory = memory_of(asked)
    with transaction.atomic():
        assert (memory("a"), memory("a")) == (1, 2)
    assert memory("a") == 3


def test_the_oldest_answer_makes_room(asked):
    memory = memory_of(asked)
    for number in range(KEYS_MAX + 1):
        memory(str(number))
    assert memory("1") == 2
    assert memory("0") == KEYS_MAX + 2
