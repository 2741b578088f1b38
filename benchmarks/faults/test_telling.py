"""What is told of a sale while something dies: all of it, nothing else, and in its order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.faults.books import Books, read_books
from benchmarks.faults.checker import check
from benchmarks.faults.clients import Load
from benchmarks.faults.conftest import CLIENTS, LONG, SINGLE, Running
from benchmarks.faults.trial import await_first_successes
from benchmarks.stack import REPOSITORY, Database, environment
from events.tests.receiver import Received, receiving

AWAY_SECONDS = 3.0
LISTENING_SECONDS = 2.0
"""After so long every process knows that somebody listens."""
TOLD_SECONDS = 100.0
"""The bound: an endpoint that was away is tried again after a minute at most."""
KINDS = ["order.paid", "coupon.issued", "balance.charged"]


@dataclass(slots=True)
class Telling:
    """A shop that sells, a relay, and who listens."""

    running: Running
    relay: "subprocess.Popen[bytes]"
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    stop_receiving: Callable[[], object] = lambda: None

    def receive(self) -> None:
        """Listen, on the same port each time."""
        listening = receiving(port=self.port)
        receiver = listening.__enter__()
        receiver.requests = self.requests
        self.port = int(receiver.url.split(":")[2].split("/")[0])
        self.stop_receiving = lambda: listening.__exit__(None, None, None)


def kill_the_relay(telling: Telling) -> None:
    for _ in range(3):
        os.kill(telling.relay.pid, signal.SIGKILL)
        telling.relay.wait()
        time.sleep(0.5)
        if not LONG:
            end_leases(telling.running.db)
        telling.relay = start_relay(telling.running.db)
        time.sleep(1.5)


def close_the_endpoint(telling: Telling) -> None:
    telling.stop_receiving()
    time.sleep(AWAY_SECONDS)
    telling.receive()


def kill_the_server(telling: Telling) -> None:
    telling.running.server.kill()
    time.sleep(1)
    telling.running.server.start()


def kill_the_database(telling: Telling) -> None:
    telling.running.db.container.kill("SIGKILL")
    time.sleep(2)
    telling.running.db.container.start()
    time.sleep(8)


FAULTS = (kill_the_relay, close_the_endpoint, kill_the_server, kill_the_database)
CASES = [
    pytest.param(database, fault, id=f"{database}-{fault.__name__}")
    for database in SINGLE
    for fault in FAULTS
    if database != "sqlite" or fault is not kill_the_database
    if database != "sqlite" or LONG or fault is not kill_the_relay
]


@pytest.mark.parametrize(("running", "fault"), CASES, indirect=["running"])
def test_what_happened_is_told(running: Running, fault: Callable[[Telling], None]) -> None:
    shop = running.take_shop()
    with telling_of(running) as telling:
        load = Load(running.server.port, shop, clients=CLIENTS)
        load.start()
        try:
            await_first_successes(load, running.server)
            fault(telling)
            time.sleep(AWAY_SECONDS)
        finally:
            load.stop()
        await_told(running.db)
        books = read_books(running.db, shop)
    verdict = check(load.intents, books, shop)
    assert verdict.is_clean, verdict
    assert len(books.orders) > CLIENTS
    ensure_told(telling.requests, books)


def ensure_told(requests: list[Received], books: Books) -> None:
    """All that is in the books was told, nothing else, and each campaign's coupons in order."""
    by_id: dict[str, dict[str, Any]] = {}
    for request in requests:
        by_id.setdefault(request.headers["webhook-id"], request.said)
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for said in by_id.values():
        told[said["type"]].append(said["data"])
    assert sorted(str(one["number"]) for one in told["order.paid"]) == sorted(
        order.number for order in books.orders
    )
    assert sorted(str(one["reference"]) for one in told["balance.charged"]) == sorted(
        charge.reference for charge in books.charges
    )
    numbers: dict[object, list[object]] = defaultdict(list)
    for one in told["coupon.issued"]:
        numbers[one["coupon"]].append(one["issue_number"])
    issued = {pk: count for pk, count in books.issued_quantity.items() if count}
    assert dict(numbers) == {pk: list(range(1, count + 1)) for pk, count in issued.items()}


@contextmanager
def telling_of(running: Running) -> Iterator[Telling]:
    telling = Telling(running, start_relay(running.db))
    try:
        telling.receive()
        set_up_endpoint(running.db, f"http://127.0.0.1:{telling.port}/events")
        time.sleep(LISTENING_SECONDS)
        yield telling
    finally:
        telling.relay.kill()
        telling.relay.wait()
        telling.stop_receiving()
        ask(running.db, "UPDATE events_endpoint SET is_active = 0")


def start_relay(db: Database) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "relay"],
        cwd=REPOSITORY,
        env=environment(db, WEBHOOK_NETWORKS="127.0.0.0/8", LOG_LEVEL="ERROR"),
    )


def set_up_endpoint(db: Database, url: str) -> None:
    columns = {
        "name": "'the warehouse'",
        "url": f"'{url}'",
        "kinds": f"'{json.dumps(KINDS)}'",
        "is_active": "1",
        "secret": "'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz'",
        "old_secret": "''",
        "position": "(SELECT COALESCE(MAX(id), 0) FROM events_event)",
        "failures": "0",
        "created_at": "'2026-11-23 00:00:00'",
    }
    names, values = ", ".join(columns), ", ".join(columns.values())
    ask(db, f"INSERT INTO events_endpoint ({names}) VALUES ({values})")


def ask(db: Database, sql: str) -> list[tuple[int, ...]]:
    connection = db.connect()
    try:
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())
    finally:
        connection.close()


def end_leases(db: Database) -> None:
    """As if the minute were over for which a relay that is gone has what it took.

    Only while none runs: one that does would find what it sends in its own hands once more.
    """
    ask(db, "UPDATE events_delivery SET due_at = '2026-11-23 00:00:00' WHERE due_at IS NOT NULL")


def await_told(db: Database) -> None:
    """Until everything that happened was told."""
    deadline = time.monotonic() + TOLD_SECONDS
    while True:
        ((waiting,),) = ask(db, "SELECT COUNT(*) FROM events_outgoing")
        ((pending,),) = ask(db, "SELECT COUNT(*) FROM events_delivery WHERE state = 'pending'")
        ((behind,),) = ask(
            db,
            "SELECT COUNT(*) FROM events_endpoint WHERE is_active = 1"
            " AND position < (SELECT COALESCE(MAX(id), 0) FROM events_event)",
        )
        if not (waiting or pending or behind):
            return
        assert time.monotonic() < deadline, f"{waiting} wait, {pending} pending, {behind} behind"
        time.sleep(0.2)
