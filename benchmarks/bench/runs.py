"""The runs: in rounds, each of which measures everything once, so that drift cancels in ratios.

A noisy machine is slow for minutes and quick for minutes. What is compared is measured within one
round, seconds apart; a ratio is the median of the rounds' ratios.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

from benchmarks.bench.about import about
from benchmarks.bench.config import Config
from benchmarks.bench.group import (
    BESIDE,
    CUTS,
    GROUP,
    ONE,
    READS_OF,
    WAYS,
    Waited,
    measure_losses,
    measure_staleness,
    read_waits,
    selling,
    set_way,
    waited,
)
from benchmarks.bench.scenarios import (
    BY_NAME,
    LOAD_TEST_COUPONS,
    LOAD_TEST_QUANTITY,
    LOAD_TEST_USERS,
    YARDSTICK,
    Scenario,
    load_test,
)
from benchmarks.bench.session import BenchFailed, Measurement, Session, open_session, prepare
from benchmarks.bench.telling import measure_telling
from benchmarks.cluster import NODES, Cluster
from benchmarks.stack import Server

RAW_CLIENTS = (32, 128)
RAW_PROCESSES = (1, 2, 4)
SCALING_CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SCALING_PROCESSES = (1, 2, 4)
PROCESSES_CLIENTS = (32, 128)
WRITES = ("yardstick", "issue", "order_hot_1", "order_spread_1")
TOLD = ("issue", "order_hot_1")
"""What is measured with a listener, too."""
CATALOGUE = ("product_list", "product_detail", "top_products")
READERS = 32
STALENESS_SECONDS = 10
ROWS_CLIENTS = 32
LINES_AN_ORDER = 4.4
"""On average, as `seed` makes them."""


def _save(
    config: Config, session: Session, measurements: Sequence[Measurement], **more: Any
) -> None:
    config.output.mkdir(parents=True, exist_ok=True)
    name = "full" if config.what == "quick" else config.what
    result = {
        "about": about(config, session),
        **more,
        "measurements": [asdict(measurement) for measurement in measurements],
    }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    (config.output / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def tell(measurement: Measurement) -> Measurement:
    """Print one line about it."""
    m = measurement
    cores = f"cores: server {m.cpu_server:4.2f}"
    if m.cpu_database is not None:
        cores += f", database {m.cpu_database:4.2f}"
    cores += f", generator {m.cpu_generator:4.2f}, others {m.cpu_others:4.2f}"
    notes = [m.variant, f"{m.busy} busy" if m.busy else "", str(m.warnings or "")]
    print(
        f"{m.round + 1:2} {m.scenario:18} {m.clients:3} clients {m.per_second:7.0f}/s"
        f"  p50 {m.p50:6.1f}  p95 {m.p95:6.1f}  p99 {m.p99:6.1f} ms  {cores}",
        *filter(None, notes),
        flush=True,
    )
    return m


# --- full ---------------------------------------------------------------------------------------


def run_full(config: Config) -> None:
    """Every scenario at each number of clients, the raw limit, and the load test."""
    scenarios = [YARDSTICK, *(BY_NAME[name] for name in config.only if name in BY_NAME)]
    scenarios = list(dict.fromkeys(scenarios))
    measurements: list[Measurement] = []
    with (
        open_session(config) as session,
        session.server() as grouped,
        session.server(GROUP_COMMIT_MAX_BATCH="1") as single,
    ):
        servers = {"grouped": grouped, "single": single}
        if not config.in_memory:
            _warm_up(session, servers, scenarios)
        for number in range(config.rounds):
            for clients in config.clients:
                for scenario in scenarios:
                    measured = session.measure(
                        *(servers[scenario.server], scenario),
                        clients=clients,
                        seconds=config.seconds,
                        number=number,
                    )
                    measurements.append(tell(measured))
                if "raw" in config.only and config.database != "sqlite":
                    measurements += _measure_raw(config, session, clients, number)
        if "load_test" in config.only:
            measurements += _measure_load_test(config, session, grouped)
        print(session.ensure_sound(), flush=True)
        _save(config, session, measurements)


def _warm_up(session: Session, servers: dict[str, Server], scenarios: Sequence[Scenario]) -> None:
    for scenario in scenarios:
        session.measure(servers[scenario.server], scenario, clients=32, seconds=1)


def _measure_raw(
    config: Config, session: Session, clients: int, number: int
) -> Iterator[Measurement]:
    if clients not in RAW_CLIENTS and not config.in_memory:
        return
    for processes in RAW_PROCESSES if not config.in_memory else (2,):
        measured = session.measure_raw(
            clients=clients, processes=processes, seconds=config.seconds, number=number
        )
        yield tell(measured)


def _measure_load_test(config: Config, session: Session, target: Server) -> Iterator[Measurement]:
    """Twice, each time with new coupons: exactly so many must leave as there are."""
    for number in range(1 if config.in_memory else 2):
        campaigns = prepare(
            *(session.db, session.variables, "new_campaigns"),
            count=LOAD_TEST_COUPONS,
            quantity=LOAD_TEST_QUANTITY,
        )
        measured = session.measure(
            target,
            load_test(campaigns),
            clients=LOAD_TEST_USERS,
            seconds=config.load_test_seconds,
            number=number,
        )
        issued, there_are = measured.statuses.get("201", 0), LOAD_TEST_COUPONS * LOAD_TEST_QUANTITY
        if issued != there_are and not config.in_memory:  # a second is too short for all of them
            raise BenchFailed(f"load test: {issued} of {there_are} coupons were issued")
        yield tell(measured)


# --- scaling ------------------------------------------------------------------------------------


def run_scaling(config: Config) -> None:
    """Coupons and orders against clients, and against server processes."""
    measurements: list[Measurement] = []
    only = [BY_NAME[name] for name in WRITES if name in {"yardstick", *config.only}]
    with open_session(config) as session:
        session.allow_busy = True
        with session.server() as target:
            _warm_up(session, {"grouped": target}, only)
            for number in range(config.rounds):
                for clients in SCALING_CLIENTS:
                    measurements += _measure_all(config, session, target, only, clients, number)
        with (
            session.server(WORKERS="1") as one,
            session.server(WORKERS="2") as two,
            session.server(WORKERS="4") as four,
        ):
            by_processes = dict(zip(SCALING_PROCESSES, (one, two, four), strict=True))
            for target in by_processes.values():
                _warm_up(session, {"grouped": target}, only)
            for number in range(config.rounds):
                for clients in PROCESSES_CLIENTS:
                    for processes, target in by_processes.items():
                        measurements += _measure_all(
                            *(config, session, target, only, clients, number),
                            variant=f"{processes} processes",
                        )
        print(session.ensure_sound(), flush=True)
        _save(config, session, measurements)


def _measure_all(
    config: Config,
    session: Session,
    target: Server,
    scenarios: Sequence[Scenario],
    clients: int,
    number: int,
    variant: str = "",
) -> Iterator[Measurement]:
    for scenario in scenarios:
        measured = session.measure(
            *(target, scenario),
            clients=clients,
            seconds=config.seconds,
            number=number,
            variant=variant,
        )
        yield tell(measured)


# --- events -------------------------------------------------------------------------------------


def run_events(config: Config) -> None:
    """What a listener costs coupons and orders, and how late events are told."""
    names = [name for name in TOLD if name in config.only]
    pairs = [(BY_NAME[name], BY_NAME[f"{name}_told"]) for name in names]
    measurements: list[Measurement] = []
    with open_session(config) as session:
        unheard = prepare(session.db, session.variables, "time_unheard")
        with session.server() as target:
            _warm_up(session, {"grouped": target}, [one for pair in pairs for one in pair])
            for number in range(config.rounds):
                for clients in config.clients:
                    for pair in pairs:
                        # Who comes first may have it better: they take turns.
                        for scenario in pair if number % 2 else reversed(pair):
                            session.set_listener(scenario.listened)  # both after the same rest
                            measurements += _measure_all(
                                config, session, target, [scenario], clients, number
                            )
        told = []
        for one in measure_telling(session):
            told.append(one)
            print(one, flush=True)
        print(session.ensure_sound(), flush=True)
        telling = [asdict(one) for one in told]
        _save(config, session, measurements, unheard=unheard, telling=telling)


# --- cluster ------------------------------------------------------------------------------------


def run_cluster(config: Config) -> None:
    """Coupons and orders on three nodes against one, reads of the secondaries, and what is lost."""
    losses, cuts = [], list(CUTS) if "losses" in config.only else []
    while cuts:
        with open_session(config, "cluster", NODES) as session:
            for loss in measure_losses(session, cuts):
                losses.append(loss)
                print(loss, flush=True)
    measurements: list[Measurement] = []
    waits: list[Waited] = []
    with open_session(config) as one, open_session(config, "cluster") as three:
        group = three.db
        assert isinstance(group, Cluster)
        one.allow_busy = three.allow_busy = True
        primary = group.primary()
        for number, way in product(range(config.rounds), (ONE, *WAYS)):
            session = one if way == ONE else three
            if way in WAYS:
                set_way(group, way)
            with session.server() as target:  # with connections that know how it is set
                _warm_up(session, {"grouped": target}, [BY_NAME[name] for name in TOLD])
                for clients, name in product(config.clients, TOLD):
                    before = read_waits(session.db, primary)
                    (measured,) = _measure_all(
                        *(config, session, target, [BY_NAME[name]], clients, number), way
                    )
                    measurements.append(measured)
                    waits += waited(before, read_waits(session.db, primary), measured)
        set_way(group, GROUP)
        with (
            three.server() as far,
            three.server(DATABASE_REPLICA_URL=group.secondaries.url) as near,
        ):
            measurements += _measure_reads(config, three, [far, near])
            with selling(three, far, STALENESS_SECONDS + 1):
                late = measure_staleness(group, STALENESS_SECONDS)
        print(late, one.ensure_sound(), three.ensure_sound(), flush=True)
    told = {"waits": list(map(asdict, waits)), "losses": list(map(asdict, losses))}
    _save(config, three, measurements, late=late, **told)


def _measure_reads(
    config: Config, session: Session, servers: Sequence[Server]
) -> Iterator[Measurement]:
    """The catalogue of the primary and of the secondaries, alone and while others order."""
    reads = [BY_NAME[name] for name in CATALOGUE]
    for target in servers:
        _warm_up(session, {"grouped": target}, reads)
    for number in range(config.rounds):
        for target, variant in zip(servers, READS_OF, strict=True):
            for read in reads:
                yield from _measure_all(
                    *(config, session, target, [read], READERS, number), variant
                )
                with selling(session, target, config.seconds + 1):
                    yield from _measure_all(
                        *(config, session, target, [read], READERS, number), f"{variant}, {BESIDE}"
                    )


# --- rows ---------------------------------------------------------------------------------------


def run_rows(config: Config) -> None:
    """Writes and best sellers with ever more order lines, in a shop of many products."""
    measurements: list[Measurement] = []
    seeded: list[dict[str, float]] = []
    with open_session(config) as session, session.server() as target:
        seeded.append(_seed(session, "--products", config.row_products))
        lines = 0
        for goal in config.row_lines:
            while lines < goal:
                seeded.append(_seed(session, "--orders", int((goal - lines) / LINES_AN_ORDER) + 1))
                lines += int(seeded[-1]["lines"])
            session.refresh_statistics()
            measurements += _measure_with_rows(config, session, target, lines)
        print(session.ensure_sound(), flush=True)
        _save(config, session, measurements, seeded=seeded)


def _seed(session: Session, what: str, amount: int) -> dict[str, float]:
    """Run `manage.py seed` for one kind of rows: how many it made, and how long that took."""
    started = time.monotonic()
    said = session.manage("seed", what, str(amount))
    print(said, end="", flush=True)
    match = re.search(r"([\d,]+) orders of ([\d,]+) lines", said)
    assert match is not None
    return {
        "rows": amount,
        "lines": int(match[2].replace(",", "")),
        "seconds": time.monotonic() - started,
    }


def _measure_with_rows(
    config: Config, session: Session, target: Server, lines: int
) -> Iterator[Measurement]:
    scenarios = [BY_NAME[name] for name in (*WRITES, "top_products")]
    for number in range(config.rounds):
        for clients in (1, ROWS_CLIENTS):
            yield from _measure_all(
                *(config, session, target, scenarios, clients, number), variant=f"{lines} lines"
            )
