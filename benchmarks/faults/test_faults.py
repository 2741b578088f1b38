"""Each fault under load: what was promised is kept, and the shop recovers by itself.

make faults                          the short form, on MySQL and SQLite
FAULTS=long make faults              more clients, three rounds of each, on MariaDB as well
FAULTS_DATABASES=mysql make faults   on these only; cluster: three nodes, at no other time, and by
                                     FAULTS=long in every way

On MySQL Prometheus watches, where it is installed, and each fault raises its alert.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from benchmarks.cluster import NODES, Cluster
from benchmarks.faults.books import Books, read_books
from benchmarks.faults.commit_proxy import CommitProxy
from benchmarks.faults.conftest import (
    CLIENTS,
    DATABASES,
    LONG,
    ROUNDS,
    Running,
    results,
)
from benchmarks.faults.faults import FAULTS, Fault
from benchmarks.faults.trial import RECOVERY_SECONDS, await_workers, run_trial
from benchmarks.faults.watch import Watch, await_
from benchmarks.stack import manage, server

NOTICED_SECONDS = 20
QUIET_SECONDS = 150
"""So long an alert that another fault has raised may still fire: its rate is of two minutes."""

CASES = [
    pytest.param(database, fault, id=f"{database}-{fault.strike.__name__}")
    for database in DATABASES
    for fault in FAULTS
    if database in fault.databases and (LONG or not fault.only_long)
]


@pytest.mark.parametrize(("running", "fault"), CASES, indirect=["running"])
def test_shop_keeps_its_promises(running: Running, fault: Fault) -> None:
    db, shop = running.db, running.take_shop()
    watch = running.watch if fault.alert else None
    with ExitStack() as stack:
        if watch:
            stack.enter_context(_raising(fault.alert, watch))
        web, proxy = running.server, None
        if fault.needs_proxy:
            proxy = stack.enter_context(CommitProxy(db.port))
            web = stack.enter_context(server(db.at(f"127.0.0.1:{proxy.port}")))
        if fault.needs_servers:
            assert isinstance(db, Cluster)
            web = stack.enter_context(db.servers())
        result = run_trial(
            fault.title,
            fault.strike,
            db,
            web,
            shop,
            clients=CLIENTS,
            rounds=ROUNDS,
            proxy=proxy,
        )
        results.append(result)
        printed = web.printed()
        assert result.verdict.is_clean, f"{result.verdict}\n{printed[-6000:]}"
        assert result.recovered_after <= RECOVERY_SECONDS
        # The short form may run beside other work, and then waits for processors and disks.
        if LONG and fault.longest_outage is not None:
            assert result.longest_outage <= fault.longest_outage
        assert "Traceback" not in printed, printed[printed.index("Traceback") :][:6000]
        if not fault.needs_servers:
            await_workers(web)
    manage(db, "audit")
    if isinstance(db, Cluster):
        assert fault.longest_outage is None or not result.troubles["503 outcome_unknown"]
        db.catch_up()
        books = [_sorted(read_books(db.node(name), shop)) for name in NODES]
        assert books[0].orders
        assert books[0] == books[1] == books[2]


@contextmanager
def _raising(alert: str, watch: Watch) -> Iterator[None]:
    await_(lambda: alert not in watch.fired_since(time.time()), QUIET_SECONDS)
    began = time.time()
    yield
    await_(lambda: alert in watch.fired_since(began), NOTICED_SECONDS)


def _sorted(books: Books) -> Books:
    for rows in (books.issued, books.orders, books.charges):
        rows.sort(key=lambda row: row.id)
    return books
