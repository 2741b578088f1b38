"""Three nodes in the place of one: how they may be set, what they wait for, what is lost."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Literal

from benchmarks.bench import generator
from benchmarks.bench.scenarios import BY_NAME
from benchmarks.bench.session import BenchFailed, Measurement, Session
from benchmarks.cluster import NODES, Cluster
from benchmarks.peers.books import issued_by_shop, query
from benchmarks.peers.losses import TOTAL, open_campaign, queues_of
from benchmarks.peers.rush import sell_until
from benchmarks.stack import Database, Server

ONE, GROUP = "one server", "three nodes"
BINARY_LOG, REDO_LOG, BOTH, EVENTUAL, AFTER = (
    f"{GROUP}, {what}"
    for what in ("binary log later", "redo log later", "both later", "`EVENTUAL`", "`AFTER`")
)
SYNC, FLUSH = "sync_binlog", "innodb_flush_log_at_trx_commit"
CONSISTENCY = "group_replication_consistency"
NODE_CNF: Mapping[str, int | str] = {SYNC: 1, FLUSH: 1, CONSISTENCY: "BEFORE_ON_PRIMARY_FAILOVER"}
WAYS: Mapping[str, Mapping[str, int | str]] = {
    GROUP: NODE_CNF,
    BINARY_LOG: {**NODE_CNF, SYNC: 0},
    REDO_LOG: {**NODE_CNF, FLUSH: 2},
    BOTH: {**NODE_CNF, SYNC: 0, FLUSH: 2},
    EVENTUAL: {**NODE_CNF, CONSISTENCY: "EVENTUAL"},
    AFTER: {**NODE_CNF, CONSISTENCY: "AFTER"},
}
"""What is waited for before an answer; "later": the kernel writes it to the disk when it likes."""


def set_way(group: Cluster, way: str) -> None:
    """Have all nodes do so, for connections from now on, and after a restart.

    Raises BenchFailed if one doesn't.
    """
    for node in NODES:
        for name, value in WAYS[way].items():
            said = group.ask(node, f"SET PERSIST {name} = {value!r}; SELECT @@{name}")
            if said != str(value):
                raise BenchFailed(f"{node}: {name} is {said!r}, not {value}")


# --- What a commit waits for --------------------------------------------------------------------

COUNTERS = (
    "SELECT 'agreement', number.VARIABLE_VALUE, 1000000 * time.VARIABLE_VALUE"
    " FROM performance_schema.global_status AS number, performance_schema.global_status AS time"
    " WHERE number.VARIABLE_NAME = 'Gr_data_messages_sent_count'"
    " AND time.VARIABLE_NAME = 'Gr_data_messages_sent_roundtrip_time_sum'"
    " UNION SELECT SUBSTRING_INDEX(EVENT_NAME, '/', -1), COUNT_MISC, SUM_TIMER_MISC"
    " FROM performance_schema.file_summary_by_event_name WHERE EVENT_NAME IN"
    " ('wait/io/file/sql/binlog', 'wait/io/file/innodb/innodb_log_file')"
)
"""Rows of what is waited for, how often by now, and for how long in all (ps)."""
Waits = Mapping[str, tuple[int, float]]


def read_waits(db: Database, primary: str) -> Waits:
    """How often each was waited for by now, and for how long in all (ms)."""
    if isinstance(db, Cluster):
        lines = db.ask(primary, COUNTERS).splitlines()
        rows = [tuple(line.split("\t")) for line in lines]
    else:
        rows = query(db, (COUNTERS, ()))
    return {name: (int(count or 0), float(time or 0) / 1e9) for name, count, time in rows}


@dataclass(frozen=True, slots=True)
class Waited:
    """What the primary's commits waited for while something was measured."""

    scenario: str
    clients: int
    variant: str
    what: str
    per_second: float
    each: float
    """Milliseconds."""


def waited(before: Waits, after: Waits, of: Measurement) -> Iterator[Waited]:
    """The waits between two readings; how often in a second of the measurement."""
    for what, (count, spent) in after.items():
        times = count - before[what][0]
        each = (spent - before[what][1]) / times if times else 0.0
        yield Waited(of.scenario, of.clients, of.variant, what, times / of.seconds, each)


# --- Reads of the secondaries -------------------------------------------------------------------

READS_OF = ("reads of the primary", "reads of the secondaries")
BESIDE = "while others order"
SELLERS = 8
LATEST_SECONDS = 10


@contextmanager
def selling(session: Session, target: Server, seconds: int) -> Iterator[None]:
    """Eight clients order meanwhile, for so long."""
    orders = BY_NAME["order_spread_1"].requests(session.shop, len(session.shop.tokens))
    load = threading.Thread(
        target=generator.send,
        args=(target.url, orders),
        kwargs={"clients": SELLERS, "seconds": seconds, "once": False},
    )
    load.start()
    try:
        yield
    finally:
        load.join()


def measure_staleness(group: Cluster, seconds: float) -> dict[str, float]:
    """How late the secondaries are (ms): until one has all that the primary had at a moment.

    Raises BenchFailed if one is later than ten seconds.
    """
    primary = group.primary()
    late: list[float] = []
    with ExitStack() as stack:
        cursors = {
            node: stack.enter_context(closing(group.node(node).connect())).cursor()
            for node in NODES
        }
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for node in NODES:
                cursors[primary].execute("SELECT @@gtid_executed")
                done = cursors[primary].fetchone()
                began = time.monotonic()
                cursors[node].execute(
                    f"SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, {LATEST_SECONDS})", done
                )
                if cursors[node].fetchone() != (0,):
                    raise BenchFailed(f"{node} is later than {LATEST_SECONDS} s")
                if node != primary:
                    late.append(1_000 * (time.monotonic() - began))
            time.sleep(0.005)
    late.sort()
    parts = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    times = {name: late[min(int(len(late) * part), len(late) - 1)] for name, part in parts.items()}
    return {"times": len(late), **times}


# --- What is lost -------------------------------------------------------------------------------

Cut = Literal["all killed", "power of the primary", "power of all"]
CUTS: tuple[tuple[str, Cut], ...] = (
    (GROUP, "power of all"),
    (BOTH, "all killed"),
    (BOTH, "power of the primary"),
    (BINARY_LOG, "power of all"),
    (REDO_LOG, "power of all"),
    (BOTH, "power of all"),
)
SALE_SECONDS = 3.0
TAKES_WRITES = "SELECT NOT @@super_read_only"


@dataclass(frozen=True, slots=True)
class Loss:
    """What came of a sale that ended so."""

    variant: str
    cut: Cut
    told: int
    """How many coupons members were told of."""
    lost: int
    """How many of them the group that went on does not know."""
    unlike: int
    """How many nodes have other books than it, or did not come back."""


def measure_losses(session: Session, cuts: list[tuple[str, Cut]]) -> Iterator[Loss]:
    """End a sale in each way, on nodes with disks of their own; until one is no more as it was.

    Takes what it has done off the list.
    """
    group = session.db
    assert isinstance(group, Cluster)
    if not group.disks:
        print("  no root or no loop device: the power cuts are left out", flush=True)
        cuts[:] = [(way, cut) for way, cut in cuts if cut == "all killed"]
    while cuts:
        loss = _measure_loss(session, group, *cuts.pop(0))
        yield loss
        if loss.unlike:
            return


def _measure_loss(session: Session, group: Cluster, way: str, cut: Cut) -> Loss:
    set_way(group, way)
    campaign = open_campaign(session, TOTAL)
    victims = [group.primary()] if cut == "power of the primary" else NODES

    def end() -> None:
        group.kill(victims)
        if cut != "all killed":
            group.cut_power(victims)
        target.kill()

    with session.server() as target:
        told = sell_until(target.url, campaign, queues_of(session), SALE_SECONDS, end)
    try:
        group.start_again()
        group.catch_up()
    except (RuntimeError, AssertionError) as error:
        print(f"   {way}, {cut}: {error}", flush=True)
    books = {
        node: sorted(issued_by_shop(group.node(node), campaign))
        for node in NODES
        if group.state_of(node) == "ONLINE"
    }
    known = next(books[node] for node in books if group.ask(node, TAKES_WRITES) == "1")
    unlike = len(NODES) - list(books.values()).count(known)
    return Loss(way, cut, len(told), len(set(told) - set(known)), unlike)
