"""What the database does with a queue whose order is certain.

A rush says how far the numbers depart from the order of arrival, but not where: on the way to the
database, or in it. Here a transaction holds a row, and others ask for it one after the other, the
next only when the one before is seen to wait. Then the row is let go. What is left of disorder is
the database's own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from django.db import connection, connections

from benchmarks.experiment.ordering import greatest_displacement, inversions
from benchmarks.experiment.tables import new_goods, own_tables

WAITERS = 20
REPETITIONS = 5
DEPENDENTS = 3
"""Transactions that wait for a lock which the last waiter holds."""
PATIENCE_SECONDS = 20
LOCK = "SELECT taken FROM experiment_goods WHERE id = %s FOR UPDATE"


def measure_queue() -> dict[str, Any]:
    """The order in which a row is granted to those who wait for it; MySQL and MariaDB only."""
    with own_tables(members=0):
        plain = [granted_order() for _ in range(REPETITIONS)]
        jumps = [granted_order(last_has_dependents=True) for _ in range(REPETITIONS)]
    print(f"  queue: {WAITERS} waiters × {2 * REPETITIONS}", flush=True)
    return {
        "waiters": WAITERS,
        "inversions": [inversions(order) for order in plain],
        "displacement": [greatest_displacement(order) for order in plain],
        "dependents": DEPENDENTS,
        # The place, from 1, at which the last one to come was served.
        "last_served_as": [order.index(WAITERS - 1) + 1 for order in jumps],
    }


def granted_order(*, last_has_dependents: bool = False) -> list[int]:
    """The waiters 0, 1, 2 … as they were served.

    With `last_has_dependents` the last of them holds another row, for which others wait.
    """
    wanted, other = new_goods(1), new_goods(1)
    granted: list[int] = []
    threads: list[Thread] = []

    def begin(work: Callable[[], None]) -> None:
        threads.append(Thread(target=_alone, args=[work], daemon=True))
        threads[-1].start()
        _until(lambda: _waiting() == len(threads))

    def wait_in_line(place: int) -> Callable[[], None]:
        def work() -> None:
            with _transaction() as cursor:
                if place == WAITERS - 1:
                    cursor.execute(LOCK, [other])
                cursor.execute(LOCK, [wanted])
                granted.append(place)  # before the commit: the next one is still waiting

        return work

    def wait_for_the_last() -> None:
        with _transaction() as cursor:
            cursor.execute(LOCK, [other])

    with _transaction() as holder:
        holder.execute(LOCK, [wanted])
        for place in range(WAITERS):
            begin(wait_in_line(place))
        if last_has_dependents:
            for _ in range(DEPENDENTS):
                begin(wait_for_the_last)
            _until(_weights_are_known)
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return granted


def _alone(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connections.close_all()


@contextmanager
def _transaction() -> Iterator[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {PATIENCE_SECONDS}")
        cursor.execute("BEGIN")
        yield cursor
        cursor.execute("COMMIT")


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
        return int(cursor.fetchone()[1])


def _weights_are_known() -> bool:
    """Whether MySQL, which weighs waiters in a thread of its own, has counted the dependents."""
    if getattr(connection, "mysql_is_mariadb", False):
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(trx_schedule_weight) FROM information_schema.innodb_trx")
        (weight,) = cursor.fetchone()
        return weight is not None and weight > DEPENDENTS


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS / 2
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("the queue did not form")
        time.sleep(0.005)
