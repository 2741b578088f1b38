"""SIGTERM under load: what was accepted is answered, what comes is refused, and it ends well."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.faults.books import Books, read_books
from benchmarks.faults.checker import Row, check, identity
from benchmarks.faults.clients import Load
from benchmarks.faults.conftest import CLIENTS, LONG, SINGLE, Running, stops
from benchmarks.faults.records import Answer, Attempt, Failure, Intent
from benchmarks.faults.table import Stop
from benchmarks.faults.trial import await_first_successes, await_workers
from benchmarks.stack import Server, manage, server

LOCKED_SECONDS = 1.0
"""How long a rival keeps requests waiting, before the signal and after it."""
REPLACED_SECONDS = 10.0
REFUSED_SECONDS = 1.0
HEARD_SECONDS = 0.9
"""Within so long a client hears that its worker was killed; less than the lock is held on."""
STOP_SECONDS = 10.0
"""The bound on a stop, from when nothing is kept waiting any more."""

CASES = [
    pytest.param(database, worker, id=f"{database}-{worker or 'fresh'}".replace(" ", "-"))
    for database in SINGLE
    for worker in ("", "was replaced", "starts")
    if LONG or database != "sqlite" or worker == "starts"
]


@pytest.mark.parametrize(("running", "worker"), CASES, indirect=["running"])
def test_what_was_accepted_is_answered(running: Running, worker: str) -> None:
    db, shop = running.db, running.take_shop()
    with server(db) as web:
        assert web.process is not None
        killed_at = 0.0
        if worker == "was replaced":
            replace_a_worker(web)
            await_workers(web)
        load = Load(web.port, shop, clients=CLIENTS, probes=False)
        load.start()
        try:
            await_first_successes(load, web)
            with kept_waiting(load, running):
                time.sleep(LOCKED_SECONDS)
                if worker == "starts":
                    killed_at = replace_a_worker(web)
                asked_at = time.monotonic()
                web.process.terminate()
                refused_after = await_refusal(web) - asked_at
                time.sleep(LOCKED_SECONDS)
                assert web.process.poll() is None, "it ended with requests in hand"
                released_at = time.monotonic()
            exit_code = web.process.wait(STOP_SECONDS + 30)
            ended_after = time.monotonic() - released_at
        finally:
            load.give_up()
        printed = web.printed()
    under_way = [
        one
        for _, one in load.attempts()
        if one.started < asked_at < one.ended and not fell_with_a_worker(one, killed_at)
    ]
    books = read_books(db, shop)
    verdict = check(load.intents, books, shop)
    stops.append(
        Stop(
            f"SIGTERM while a worker {worker}" if worker else "SIGTERM",
            db.kind,
            under_way=len(under_way),
            answered=sum(isinstance(one.heard, Answer) for one in under_way),
            succeeded=sum(one.succeeded for one in under_way),
            unheard=(unheard_of := unheard(load.intents, books, asked_at, killed_at)),
            refused_after=refused_after,
            ended_after=ended_after,
            exit_code=exit_code,
        )
    )
    assert exit_code == 0
    assert refused_after <= REFUSED_SECONDS
    assert ended_after <= STOP_SECONDS
    assert [one for one in under_way if not isinstance(one.heard, Answer)] == []
    # Of those whose worker was killed just before, few are under way again by then.
    assert sum(one.succeeded for one in under_way) >= (1 if killed_at else CLIENTS // 4)
    assert unheard_of == 0
    verdict.unsettled.clear()  # the shop is closed: who comes now must come again
    assert verdict.is_clean, f"{verdict}\n{printed[-6000:]}"
    assert "Traceback" not in printed, printed[printed.index("Traceback") :][:6000]
    manage(db, "audit")


def fell_with_a_worker(attempt: Attempt, killed_at: float) -> bool:
    """Whether a client heard only after the SIGTERM that the SIGKILL before had cut it off."""
    return (
        attempt.heard is Failure.CLOSED
        and attempt.started < killed_at
        and attempt.ended < killed_at + HEARD_SECONDS
    )


def replace_a_worker(web: Server) -> float:
    """SIGKILL to a worker, and until another process is there in its place, however far it is.

    Returns the moment of the kill.
    """
    workers = web.worker_pids()
    killed_at = time.monotonic()
    os.kill(workers[0], signal.SIGKILL)
    deadline = time.monotonic() + REPLACED_SECONDS
    while len(set(web.worker_pids()) - {workers[0]}) < len(workers):
        assert time.monotonic() < deadline, "the worker was not replaced"
        time.sleep(0.005)
    return killed_at


@contextmanager
def kept_waiting(load: Load, running: Running) -> Iterator[None]:
    """A rival holds what many of the clients wait for."""
    connection = running.db.connect()
    cursor = connection.cursor()
    if running.db.kind == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
    else:
        cursor.execute("BEGIN")
        cursor.execute(
            f"SELECT id FROM coupons_coupon WHERE id = {load.locked_campaign:d} FOR UPDATE"
        )
    try:
        yield
    finally:
        cursor.execute("ROLLBACK")
        connection.close()


def await_refusal(web: Server) -> float:
    """The moment from which a new connection is refused."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", web.port), timeout=1).close()
        except OSError:
            return time.monotonic()
        time.sleep(0.01)


def unheard(intents: list[Intent], books: Books, asked_at: float, killed_at: float) -> int:
    """How many rows no client was told of, but for what a killed worker left behind."""
    known = {
        identity(intent)
        for intent in intents
        if intent.successes
        or any(
            one.is_unclear and (one.ended < asked_at or fell_with_a_worker(one, killed_at))
            for one in intent.attempts
        )
    }
    rows: list[Row] = [*books.issued, *books.orders, *books.charges]
    return sum(identity(row) not in known for row in rows)
