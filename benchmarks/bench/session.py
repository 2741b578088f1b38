"""A database with the shop in it, its servers, and one measurement at a time."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import docker
import psutil

from benchmarks.bench import generator, raw
from benchmarks.bench.config import Config
from benchmarks.bench.generator import Load
from benchmarks.bench.scenarios import Scenario, Shop
from benchmarks.cluster import cluster
from benchmarks.stack import (
    REPOSITORY,
    Database,
    Kind,
    Server,
    database,
    environment,
    manage,
    server,
    without_proxy,
)

SETTLE_SECONDS = 0.3
"""Between two measurements: the requests that the last one left under way come to their end."""
LISTENER_SECONDS = 1.2
"""So long the servers may know who listens only as it was (`EVENTS_MEMORY_SECONDS`)."""
REQUESTS_A_SECOND = 6_000
"""More than the server can answer: so many are made beforehand for each second of a load."""


class BenchFailed(Exception):
    """An answer was not what it should be: the figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One scenario with so many clients for some seconds. Times in milliseconds; CPU in cores."""

    scenario: str
    clients: int
    round: int
    seconds: float
    requests: int
    per_second: float
    p50: float
    p95: float
    p99: float
    max: float
    busy: int
    """Answers of 503, each with Retry-After; else the bench fails."""
    cpu_server: float
    cpu_database: float | None
    """None where the database is in the server's processes."""
    cpu_generator: float
    cpu_others: float
    """What the rest of the machine did meanwhile: noise, and Docker's port proxy if in between."""
    statuses: dict[str, int] = field(default_factory=dict)
    """How many answers of each."""
    warnings: dict[str, int] = field(default_factory=dict)
    """The server's log lines above `info`, by event."""
    variant: str = ""


@dataclass(slots=True)
class Session:
    """The shop under load."""

    db: Database
    variables: dict[str, str]
    shop: Shop
    allow_busy: bool = False
    """Whether a 503 with Retry-After is a right answer too: at the edge of what can be served."""
    is_listened: bool = False
    """Whether somebody listens to events."""
    requests_a_second: int = REQUESTS_A_SECOND
    meter: "CpuMeter" = field(init=False)

    def __post_init__(self) -> None:
        self.meter = CpuMeter(self.db.container_ids)

    @contextmanager
    def server(self, **variables: str) -> Iterator[Server]:
        """A server on the session's database, as `make run` starts it but for `variables`."""
        with server(self.db, **{**self.variables, **variables}) as started:
            yield started

    def manage(self, *arguments: str) -> str:
        """Run a management command on the session's database."""
        return manage(self.db, *arguments, **self.variables)

    def measure(
        self,
        target: Server,
        scenario: Scenario,
        *,
        clients: int,
        seconds: int,
        number: int = 0,
        variant: str = "",
    ) -> Measurement:
        """Load the server with the scenario. Raises BenchFailed at an answer that is not right."""
        if scenario.listened != self.is_listened:
            self.set_listener(scenario.listened)
        requests = scenario.requests(self.shop, self.requests_a_second * seconds)
        self.read_log(target)
        before = self.meter.read(target)
        load = generator.send(
            target.url,
            requests,
            clients=clients,
            seconds=seconds,
            once=scenario.once,
            think=scenario.think,
        )
        used = self.meter.read(target).since(before, load)
        if scenario.once:
            self.shop.pairs_used += load.sent
        time.sleep(SETTLE_SECONDS)
        warnings = self.read_log(target)
        busy = load.statuses.get("503", 0)
        right = [*scenario.answers, *([503] if self.allow_busy else [])]
        self._ensure_right(scenario.name, load, set(map(str, right)))
        return Measurement(
            scenario.name,
            clients,
            number,
            load.seconds,
            load.requests - busy,
            (load.requests - busy) / load.seconds,
            *(load.p50, load.p95, load.p99, load.max),
            busy=busy,
            cpu_server=used.server,
            cpu_database=used.database,
            cpu_generator=load.cpu_seconds / load.seconds,
            cpu_others=used.others,
            statuses=load.statuses,
            warnings=warnings,
            variant=variant,
        )

    @staticmethod
    def _ensure_right(name: str, load: Load, right: set[str]) -> None:
        wrong = {status: n for status, n in load.statuses.items() if status not in right}
        complaints = {
            "unexpected answers": wrong,
            "socket errors": load.socket_errors,
            "timeouts": load.timeouts,
            "503 without Retry-After": load.without_retry_after,
            "used up all requests": load.exhausted,
            "no answer at all": not load.requests,
        }
        if any(complaints.values()):
            told = {what: value for what, value in complaints.items() if value}
            raise BenchFailed(f"{name}: {told} {load.surprise}")

    def set_listener(self, is_there: bool, url: str = "") -> None:
        """Have somebody listen to all events, or nobody, and wait until every process knows.

        Who listens at `url` is told of what happens from now on, by a relay.
        """
        prepare(self.db, self.variables, "set_listener", is_there=is_there, url=url)
        self.is_listened = is_there
        time.sleep(LISTENER_SECONDS)

    def measure_raw(
        self, *, clients: int, processes: int, seconds: int, number: int = 0
    ) -> Measurement:
        """Load the database with the bare driver, taking one lock per coupon."""
        amount = REQUESTS_A_SECOND * seconds
        pairs = [(campaign, self.shop.members[m]) for campaign, m in self.shop.pairs(amount)]
        self.shop.pairs_used += amount
        before = self.meter.read()
        load = raw.measure(
            self.db.url, pairs, clients=clients, processes=processes, seconds=seconds
        )
        used = self.meter.read().since(before)
        return Measurement(
            "raw",
            clients,
            number,
            load.seconds,
            load.coupons,
            load.coupons / load.seconds,
            *(load.p50, load.p95, load.p99, load.max),
            busy=0,
            cpu_server=load.cpu_seconds / load.seconds,
            cpu_database=used.database,
            cpu_generator=0.0,
            cpu_others=0.0,
            variant=f"{processes} processes",
        )

    def read_log(self, target: Server) -> dict[str, int]:
        """Count the server's log lines above `info` since the last time, and empty the log.

        Raises BenchFailed at an error.
        """
        events: Counter[str] = Counter()
        for line in target.printed().splitlines():
            if '"level": "info"' in line:
                continue
            entry = json.loads(line) if line.startswith("{") else {"event": line}
            if entry.get("level", "error") != "warning":
                raise BenchFailed(f"the server logged an error: {line[:2000]}")
            events[entry["event"]] += 1
        # The server writes at the offset that it shares with this process: both back to 0.
        target.log.seek(0)
        target.log.truncate()
        return dict(events)

    def refresh_statistics(self) -> None:
        """Let the database's optimizer know what was written within the last minutes."""
        prepare(self.db, self.variables, "refresh_statistics")

    def ensure_sound(self) -> str:
        """Run the audit; what it said. Raises BenchFailed when it finds a violation."""
        self.refresh_statistics()
        try:
            return self.manage("audit")
        except subprocess.CalledProcessError as error:
            raise BenchFailed(f"the audit found violations:\n{error.stdout}") from error


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds used so far, or cores used between two readings."""

    at: float
    machine: float
    server: float
    database: float | None
    own: float
    """This process, which only waits."""

    others: float = 0.0

    def since(self, before: "Cpu", load: Load | None = None) -> "Cpu":
        """The cores used, on average, since the reading `before`."""
        seconds = self.at - before.at
        database = None
        if self.database is not None and before.database is not None:
            database = (self.database - before.database) / seconds
        machine = (self.machine - before.machine) / seconds
        served = (self.server - before.server) / seconds
        own = (self.own - before.own) / seconds
        generated = load.cpu_seconds / seconds if load else 0.0
        others = max(0.0, machine - served - (database or 0.0) - generated - own)
        return Cpu(self.at, machine, served, database, own, others)


class CpuMeter:
    """Reads what the server's processes, the database's containers and the machine have used."""

    def __init__(self, container_ids: Sequence[str]) -> None:
        self._docker: Any = docker.from_env() if container_ids else None
        self._container_ids = container_ids

    def read(self, target: Server | None = None) -> Cpu:
        """What was used so far."""
        times = psutil.cpu_times()
        machine = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        # Guests' time is in `user` already.
        machine -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        return Cpu(
            time.monotonic(),
            machine,
            self._server(target) if target else 0.0,
            self.database(),
            time.process_time(),
        )

    @staticmethod
    def _server(target: Server) -> float:
        assert target.process is not None
        main = psutil.Process(target.process.pid)
        spent = [process.cpu_times() for process in (main, *main.children(recursive=True))]
        return sum(one.user + one.system for one in spent)

    def database(self) -> float | None:
        """The CPU seconds that the database has used so far, if it is in containers."""
        if self._docker is None:
            return None
        stats = (
            self._docker.api.stats(one, stream=False, one_shot=True) for one in self._container_ids
        )
        return sum(float(one["cpu_stats"]["cpu_usage"]["total_usage"]) for one in stats) / 1e9


@contextmanager
def open_session(
    config: Config, kind: Kind | None = None, disks: Sequence[str] = ()
) -> Iterator[Session]:
    """A fresh database with the shop in it, as a run asks for it, or of another kind.

    `disks`: nodes of a cluster that have one of their own.
    """
    kind = kind or config.database
    variables = {
        "SECRET_KEY": secrets.token_hex(32),
        "DJANGO_SETTINGS_MODULE": "benchmarks.bench.settings",
        "WORKERS": os.environ.get("WORKERS") or "2",
        "LOG_LEVEL": "INFO",  # as `make run` has it: a line a request is part of the cost
    }
    with ExitStack() as stack:
        db = stack.enter_context(
            cluster(disks) if kind == "cluster" else database(kind, in_memory=config.in_memory)
        )
        if config.direct:
            db = without_proxy(db)
        for step in ("collectstatic", "migrate"):  # as `make run` does
            manage(db, step, "--noinput", "--verbosity", "0", **variables)
        sizes = {"--members": config.members, "--products": 200, "--orders": config.orders}
        manage(
            db, "seed", *(text for pair in sizes.items() for text in map(str, pair)), **variables
        )
        wanted = {"campaigns": config.campaigns, "products": config.products}
        made = prepare(db, variables, "prepare_shop", **wanted)
        session = Session(db, variables, Shop(**made))
        session.refresh_statistics()
        print(f"{session.shop.database}: the shop is ready", flush=True)
        yield session


def prepare(db: Database, variables: dict[str, str], function: str, **arguments: Any) -> Any:
    """What a function of `benchmarks.bench.contents` returns, called on this database."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.bench.prepare", function, json.dumps(arguments)],
        cwd=REPOSITORY,
        env=environment(db, **{**variables, "ACCESS_TOKEN_MINUTES": "600"}),  # for the whole run
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout.splitlines()[-1])  # what it logged comes before
