"""The databases and servers that the faults are done to, and the table at the end."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache

import pytest

from benchmarks.cluster import cluster
from benchmarks.faults.shop import Shop, open_shops
from benchmarks.faults.table import (
    Beside,
    Stop,
    describe_machine,
    render_besides,
    render_faults,
    render_stops,
)
from benchmarks.faults.trial import Result
from benchmarks.faults.watch import MISSING, TOKEN, Watch, watching
from benchmarks.stack import Database, Server, database, engine_answers, manage, server
from benchmarks.stack import Kind as DatabaseKind

LONG = os.environ.get("FAULTS") == "long"
DATABASES = os.environ.get(
    "FAULTS_DATABASES", "mysql,mariadb,sqlite" if LONG else "mysql,sqlite"
).split(",")
SINGLE = [name for name in DATABASES if name != "cluster"]
"""Those of one node, for what does not concern the others."""
WATCHED = [name for name in DATABASES if name == "mysql"]
"""Where Prometheus looks on, if it is installed."""
CLIENTS, ROUNDS = (48, 3) if LONG and "cluster" not in DATABASES else (24, 1)
"""Three nodes share the machine with the clients: at length, there are more faults, not clients."""
MEMBERS = 2_000 if LONG else 400
SHOPS = 12
"""So many are opened at a time."""

results: list[Result] = []
stops: list[Stop] = []
besides: list[Beside] = []
versions: dict[str, str] = {}


@dataclass(slots=True)
class Running:
    """A database, the real server on it (two processes of 16 threads), and shops to use up."""

    db: Database
    server: Server
    watch: Watch | None = None
    """Prometheus, which asks the server every second; None: not on this database, or not here."""
    shops: list[Shop] = field(default_factory=list)

    def take_shop(self) -> Shop:
        """A shop that nobody has been in."""
        if not self.shops:
            self.shops += open_shops(self.db, SHOPS, members=MEMBERS)
        return self.shops.pop()


@pytest.fixture(scope="session")
def start(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[DatabaseKind], Running]]:
    """Starts what is needed on a database of a kind, once. MySQL's server is watched."""
    with ExitStack() as stack:

        @cache
        def started(kind: DatabaseKind) -> Running:
            db = stack.enter_context(cluster() if kind == "cluster" else database(kind))
            manage(db, "migrate", "--verbosity", "0")
            versions[kind] = _version(db)
            web = stack.enter_context(server(db, METRICS_TOKEN=TOKEN))
            if kind != "mysql" or MISSING:
                return Running(db, web)
            manage(db, "audit")
            folder = tmp_path_factory.mktemp("prometheus")
            return Running(db, web, stack.enter_context(watching(web, folder)))

        yield started


@pytest.fixture
def running(request: pytest.FixtureRequest, start: Callable[[DatabaseKind], Running]) -> Running:
    """What runs on a database of the kind that the test's parameter names."""
    kind = request.param
    if kind != "sqlite" and not engine_answers():
        verdict = f"{kind}: no Docker Engine answers"
        if os.environ.get("REQUIRE_MYSQL") == "1":
            pytest.fail(f"{verdict}; REQUIRE_MYSQL=1 makes that an error")
        pytest.skip(verdict)
    return start(kind)


def _version(db: Database) -> str:
    connection = db.connect()
    cursor = connection.cursor()
    cursor.execute("SELECT sqlite_version()" if db.kind == "sqlite" else "SELECT VERSION()")
    (version,) = cursor.fetchone()
    connection.close()
    return str(version)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not results and not stops and not besides:
        return
    terminalreporter.section("faults")
    lines = [describe_machine(versions)]
    lines += ["", *render_faults(results)] if results else []
    lines += ["", *render_stops(stops)] if stops else []
    lines += ["", *render_besides(besides)] if besides else []
    for line in lines:
        terminalreporter.write_line(line)
