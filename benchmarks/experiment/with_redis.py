"""Three ways that ask Redis: for the lock, for the decision, and for a place in a queue.

The lock is redis-py's (SET NX with a token and an end, taken back by a script that compares the
token). The counter is a script: it decides, and what it decided is written to the database behind
the answers, by one writer. The queue is a stream with one consumer, which decides in the database
and answers after its commit.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any
from uuid import uuid4

from django.db import connection, connections

from benchmarks.experiment import redis_store
from benchmarks.experiment.race import Kind, Left, LostRace, Refused
from benchmarks.experiment.redis_store import Fsync
from benchmarks.experiment.sale import PATIENCE_SECONDS, Sale, take_money, transaction
from benchmarks.experiment.tables import new_goods, read_back

LEASE_SECONDS = 10
POLL_SECONDS = 0.002
"""How long who waits for the lock sleeps between two looks: Redis tells nobody that it is free."""
BATCH = 64
BLOCK_MS = 20

DECIDE = """
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
if taken >= tonumber(ARGV[1]) then return 0 end
local number = redis.call('INCR', KEYS[1])
redis.call('XADD', KEYS[2], '*', 'member', ARGV[2], 'number', number)
return number
"""

Entry = tuple[str, dict[str, str]]


def redis_lock(goods: int) -> AbstractContextManager[object]:
    """The lock of these goods; raises LockError when it is not to be had in time."""
    lock: AbstractContextManager[object] = redis_store.store("everysec").lock(
        f"goods:{goods}:lock",
        timeout=LEASE_SECONDS,
        sleep=POLL_SECONDS,
        blocking_timeout=PATIENCE_SECONDS,
    )
    return lock


def redis_counter(fsync: Fsync, kind: Kind, total: int, members: list[int]) -> Sale:
    """Put pieces on sale in Redis, which decides; a writer follows with the rows."""
    goods = new_goods(total)
    store = redis_store.store(fsync)
    sale = uuid4().hex
    taken, stream = f"{sale}:taken", f"{sale}:issued"
    decide = store.register_script(DECIDE)

    def attempt(member: int) -> int:
        number = int(decide(keys=[taken, stream], args=[total, member]))
        if not number:
            raise Refused
        return number

    writer = Follower(store, stream, lambda entries: write_behind(kind, goods, entries))

    def left() -> Left:
        writer.stop()
        _, numbers = read_back(goods)
        return Left(int(store.get(taken) or 0), numbers)

    return Sale(attempt, left, close=writer.stop)


def write_behind(kind: Kind, goods: int, entries: Sequence[Entry]) -> None:
    """Write what Redis decided, once: its numbers ascend, so the greatest tells what is there."""
    with connection.cursor() as cursor, transaction(cursor):
        cursor.execute(
            "SELECT COALESCE(MAX(number), 0) FROM experiment_taken WHERE goods = %s", [goods]
        )
        (written,) = cursor.fetchone()
        rows = [
            (goods, int(fields["member"]), int(fields["number"]))
            for _, fields in entries
            if int(fields["number"]) > written
        ]
        cursor.executemany(
            "INSERT INTO experiment_taken (goods, member, number) VALUES (%s, %s, %s)", rows
        )
        for _, member, _ in rows if kind == "orders" else ():
            take_money(cursor, member)


def redis_queue(kind: Kind, total: int, members: list[int]) -> Sale:
    """Put pieces on sale to whoever stands in a stream, which one consumer serves in its order."""
    goods = new_goods(total)
    store = redis_store.store("everysec")
    stream = f"{uuid4().hex}:asked"

    def attempt(member: int) -> int:
        answers = f"{stream}:{uuid4().hex}"
        store.xadd(stream, {"member": member, "answers": answers})
        answer = store.blpop([answers], timeout=PATIENCE_SECONDS)
        if answer is None:
            raise LostRace("no answer in time")
        if answer[1] == "0":
            raise Refused
        return int(answer[1])

    def serve(entries: Sequence[Entry]) -> None:
        numbers = decide_in_order(kind, goods, [int(fields["member"]) for _, fields in entries])
        with store.pipeline(transaction=False) as pipe:
            for (_, fields), number in zip(entries, numbers, strict=True):
                pipe.rpush(fields["answers"], number)
                pipe.expire(fields["answers"], PATIENCE_SECONDS)
            pipe.execute()

    consumer = Follower(store, stream, serve)
    return Sale(attempt, lambda: Left(*read_back(goods)), close=consumer.stop)


def decide_in_order(kind: Kind, goods: int, asking: Sequence[int]) -> list[int]:
    """Serve these members in one transaction; returns the number of each, 0 for none left."""
    with connection.cursor() as cursor, transaction(cursor):
        cursor.execute("SELECT total, taken FROM experiment_goods WHERE id = %s", [goods])
        total, taken = cursor.fetchone()
        numbers = [
            taken + place if taken + place <= total else 0 for place in range(1, len(asking) + 1)
        ]
        served = [
            (goods, one, number) for one, number in zip(asking, numbers, strict=True) if number
        ]
        if served:
            for _, member, _ in served if kind == "orders" else ():
                take_money(cursor, member)
            cursor.executemany(
                "INSERT INTO experiment_taken (goods, member, number) VALUES (%s, %s, %s)", served
            )
            cursor.execute(
                "UPDATE experiment_goods SET taken = %s WHERE id = %s", [served[-1][2], goods]
            )
    return numbers


class Follower:
    """A thread that serves what comes into a stream, in its order."""

    def __init__(self, store: Any, stream: str, serve: Callable[[Sequence[Entry]], object]) -> None:
        self._store, self._stream, self._serve = store, stream, serve
        self._is_over = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let it finish what is in the stream; raises what it failed with."""
        self._is_over = True
        self._thread.join(PATIENCE_SECONDS)
        if self._failure is not None:
            raise self._failure

    def _follow(self) -> None:
        try:
            while True:
                is_last = self._is_over  # read before the stream: what came until then is served
                found = self._store.xread({self._stream: "0"}, count=BATCH, block=BLOCK_MS)
                if found:
                    entries = found[0][1]
                    self._serve(entries)
                    self._store.xdel(self._stream, *(entry for entry, _ in entries))
                elif is_last:
                    return
        except BaseException as error:
            self._failure = error
        finally:
            with suppress(Exception):
                self._store.close()
            connections.close_all()
