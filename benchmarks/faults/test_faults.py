"""Each fault under load: what was promised is kept, and the shop recovers by itself.

make faults                          the short form, on MySQL and SQLite
FAULTS=long make faults              more clients, three rounds of each, on MariaDB as well
FAULTS_DATABASES=mysql make faults   on these only
"""

from contextlib import ExitStack

import pytest

from benchmarks.faults.commit_proxy import CommitProxy
from benchmarks.faults.conftest import CLIENTS, DATABASES, LONG, ROUNDS, Running, results
from benchmarks.faults.faults import FAULTS, Fault
from benchmarks.faults.trial import RECOVERY_SECONDS, await_workers, run_trial
from benchmarks.stack import manage, server

CASES = [
    pytest.param(database, fault, id=f"{database}-{fault.strike.__name__}")
    for database in DATABASES
    for fault in FAULTS
    if database in fault.databases and (LONG or not fault.only_long)
]


@pytest.mark.parametrize(("running", "fault"), CASES, indirect=["running"])
def test_shop_keeps_its_promises(running: Running, fault: Fault) -> None:
    db = running.db
    with ExitStack() as stack:
        web, proxy = running.server, None
        if fault.needs_proxy:
            proxy = stack.enter_context(CommitProxy(db.port))
            web = stack.enter_context(server(db.through(proxy.port)))
        result = run_trial(
            fault.title,
            fault.strike,
            db,
            web,
            running.take_shop(),
            clients=CLIENTS,
            rounds=ROUNDS,
            proxy=proxy,
        )
        results.append(result)
        printed = web.printed()
        assert result.verdict.is_clean, f"{result.verdict}\n{printed[-6000:]}"
        assert result.recovered_after <= RECOVERY_SECONDS
        assert "Traceback" not in printed, printed[printed.index("Traceback") :][:6000]
        await_workers(web)
    manage(db, "audit")
