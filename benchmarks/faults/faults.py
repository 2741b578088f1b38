"""What is done to the shop. Each fault makes sure that it struck, and says how."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.cluster import NODES, Cluster
from benchmarks.faults.clients import WRITES
from benchmarks.faults.commit_proxy import Break
from benchmarks.faults.records import Answer
from benchmarks.faults.trial import Stage
from benchmarks.stack import Kind as DatabaseKind

MYSQLS: tuple[DatabaseKind, ...] = ("mysql", "mariadb")
ALL: tuple[DatabaseKind, ...] = (*MYSQLS, "sqlite")
PAUSE_SECONDS = 10
AWAY_SECONDS = 14
"""Long enough for an alert."""
CUTTING_SECONDS = 3
BREAKING_SECONDS = 4
GONE_SECONDS = 12
"""Longer than another primary may take to be there."""
CUT_SECONDS = 15
FULL_SECONDS = 15
FILLER = "/var/lib/mysql/filler"
LOCK_SECONDS = 10
"""At least, and until somebody has heard `busy`: `TRANSACTION_ATTEMPTS` (3) that wait for
`LOCK_TIMEOUT_SECONDS` (3) each, and a little more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to a shop in the middle of a sale."""

    title: str
    strike: Callable[[Stage], str]
    databases: tuple[DatabaseKind, ...] = MYSQLS
    needs_proxy: bool = False
    needs_servers: bool = False
    """Whether it is done to two servers behind a proxy, in containers."""
    only_long: bool = False
    longest_outage: float | None = None
    """So long nobody may be served, at most (seconds); None: for as long as the fault takes."""
    alert: str = ""
    """The alert that it raises, where Prometheus watches (docs/monitoring)."""


def kill_a_worker(stage: Stage) -> str:
    victim = stage.server.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{victim}").exists() and victim in stage.server.worker_pids():
        assert time.monotonic() < deadline, "the worker outlived SIGKILL"
        time.sleep(0.02)
    return "one worker of two"


def kill_the_server(stage: Stage) -> str:
    stage.server.kill()
    time.sleep(1)
    stage.over()
    stage.server.start()
    return "all processes; started again a second later"


def keep_the_server_away(stage: Stage) -> str:
    stage.server.kill()
    time.sleep(AWAY_SECONDS)
    stage.over()
    stage.server.start()
    return f"{AWAY_SECONDS} s"


def kill_the_database(stage: Stage) -> str:
    stage.db.container.kill("SIGKILL")
    time.sleep(2)
    stage.db.container.start()
    stage.over()
    return "started again two seconds later"


def pause_the_database(stage: Stage) -> str:
    stage.db.container.pause()
    time.sleep(PAUSE_SECONDS)
    stage.db.container.unpause()
    return f"{PAUSE_SECONDS} s"


def cut_connections(stage: Stage) -> str:
    connection = stage.db.connect()
    cursor = connection.cursor()
    killed = 0
    deadline = time.monotonic() + CUTTING_SECONDS
    while time.monotonic() < deadline:
        cursor.execute(
            "SELECT id FROM information_schema.processlist"
            " WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        )
        for (one,) in cursor.fetchall():
            try:
                cursor.execute(f"KILL {one:d}")
                killed += 1
            except Exception as error:
                if "Unknown thread id" not in str(error):  # it was gone by itself
                    raise
        time.sleep(0.2)
    connection.close()
    assert killed >= 10, f"only {killed} connections were there to be cut"
    return f"{killed} connections"


def _break_commits(stage: Stage, every: int) -> str:
    proxy = stage.proxy
    assert proxy is not None
    before = proxy.broken.copy()
    began = time.monotonic()
    proxy.every = every
    time.sleep(BREAKING_SECONDS)
    while min((broken := proxy.broken - before)[way] for way in Break) < 2:
        assert time.monotonic() < began + 6 * BREAKING_SECONDS, f"hardly broken: {broken}"
        time.sleep(0.1)
    proxy.every = 0
    stage.over()
    return ", ".join(f"{count} {way}" for way, count in sorted(broken.items()))


def break_every_tenth_commit(stage: Stage) -> str:
    return _break_commits(stage, 10)


def break_every_second_commit(stage: Stage) -> str:
    return _break_commits(stage, 2)


def fill_the_lock_wait(stage: Stage) -> str:
    began = time.monotonic()
    connection = stage.db.connect()
    cursor = connection.cursor()
    if stage.db.kind == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
    else:
        campaign = stage.load.locked_campaign
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT id FROM coupons_coupon WHERE id = {campaign:d} FOR UPDATE")
    time.sleep(LOCK_SECONDS)
    while not (busy := _were_told(stage, "busy", began)):
        assert time.monotonic() < began + 2 * LOCK_SECONDS, "nobody was kept waiting"
        time.sleep(0.1)
    cursor.execute("ROLLBACK")
    stage.over()
    connection.close()
    heard = [
        (intent, one)
        for intent, one in stage.heard_since(began)
        if began < one.started and one.ended < stage.round.ended
    ]
    if stage.db.kind != "sqlite":  # where there is one lock for everything
        served = {intent.kind for intent, one in heard if one.succeeded}
        assert served >= set(WRITES), f"who needs another row was served {served} only"
    return f"{stage.round.ended - began:.0f} s, {busy} were told to come back"


def _were_told(stage: Stage, code: str, since: float) -> int:
    heard = [one.heard for _, one in stage.heard_since(since)]
    return sum(isinstance(answer, Answer) and answer.code == code for answer in heard)


# --- Of three nodes -----------------------------------------------------------------------------


def switch_the_primary(stage: Stage) -> str:
    group = _cluster(stage)
    before = group.primary()
    after = next(name for name in NODES if name != before)
    group.switch(after)
    stage.over()
    assert group.primary() == after
    return f"{before} to {after}"


def kill_the_primary(stage: Stage) -> str:
    group = _cluster(stage)
    victim = group.primary()
    container = group.container_of(victim)
    container.kill("SIGKILL")
    time.sleep(GONE_SECONDS)
    assert group.primary() != victim
    container.start()
    return f"started again {GONE_SECONDS} seconds later"


def cut_the_primary_off(stage: Stage) -> str:
    group = _cluster(stage)
    victim = group.primary()
    # Somebody holds a transaction there, and falls silent.
    held = group.node(victim).connect()
    held.cursor().execute("BEGIN")
    held.cursor().execute("INSERT INTO django_content_type (app_label, model) VALUES ('a', 'b')")
    group.cut(victim)
    time.sleep(CUT_SECONDS)
    assert group.primary() != victim
    query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = "
    assert group.ask(victim, f"{query}{held.thread_id()}") == "0", "its transaction lives on"
    group.mend(victim)
    return f"{CUT_SECONDS} s"


def pause_the_primary(stage: Stage) -> str:
    group = _cluster(stage)
    victim = group.primary()
    container = group.container_of(victim)
    container.pause()
    time.sleep(CUT_SECONDS)
    after = group.primary()
    container.unpause()
    assert after != victim
    return f"{CUT_SECONDS} s"


def restart_the_nodes(stage: Stage) -> str:
    group = _cluster(stage)
    last = group.primary()
    for name in [name for name in NODES if name != last]:
        _restart(group, name)
    group.switch(name)
    _restart(group, last)
    return "secondaries first, then the primary after a switch"


def _restart(group: Cluster, name: str) -> None:
    group.container_of(name).restart(timeout=60)
    group.await_members()


def restart_the_servers(stage: Stage) -> str:
    _cluster(stage).restart_servers()
    return "by a rollout, the proxy in front"


def kill_all_nodes(stage: Stage) -> str:
    group = _cluster(stage)
    group.kill()
    group.start_again()
    stage.over()
    return "and started again, by hand"


def fill_a_secondarys_disk(stage: Stage) -> str:
    group = _cluster(stage)
    victim = next(iter(group.disks), "")
    if not victim:
        pytest.skip("no root or no loop device: no disk is filled")
    if group.primary() == victim:
        group.switch(next(name for name in NODES if name != victim))
    container = group.container_of(victim)
    full = container.exec_run(["dd", "if=/dev/zero", f"of={FILLER}", "bs=1M"], user="999")
    assert full.exit_code, "there is still room"
    time.sleep(FULL_SECONDS)
    state = group.state_of(victim) or "no answer"
    container.exec_run(["rm", "-f", FILLER], user="999")
    container.restart(timeout=5)
    return f"for {FULL_SECONDS} s; its own state by then: {state}"


def _cluster(stage: Stage) -> Cluster:
    assert isinstance(stage.db, Cluster)
    return stage.db


FAULTS = (
    # The first five while no other has raised their alert.
    Fault("SIGKILL to a worker", kill_a_worker, ALL, alert="ShopWorkerDied"),
    Fault("connections cut", cut_connections, alert="ShopConnectionsCut"),
    Fault("lock wait filled", fill_the_lock_wait, alert="ShopBusy"),
    Fault("SIGKILL to the database", kill_the_database, alert="ShopDatabaseAway"),
    Fault("server away", keep_the_server_away, ("mysql",), alert="ShopServerDown"),
    Fault("SIGKILL to the server", kill_the_server, ALL),
    Fault("database paused", pause_the_database),
    Fault("every tenth commit broken", break_every_tenth_commit, needs_proxy=True),
    Fault(
        "every second commit broken", break_every_second_commit, needs_proxy=True, only_long=True
    ),
    Fault("lock wait filled", fill_the_lock_wait, ("sqlite",), only_long=True),
    Fault("planned switch of the primary", switch_the_primary, ("cluster",), longest_outage=2),
    Fault("SIGKILL to the primary", kill_the_primary, ("cluster",), longest_outage=10),
    Fault("primary cut off", cut_the_primary_off, ("cluster",), longest_outage=10),
    Fault("primary paused", pause_the_primary, ("cluster",), only_long=True, longest_outage=10),
    Fault(
        "nodes restarted in turn", restart_the_nodes, ("cluster",), only_long=True, longest_outage=2
    ),
    Fault(
        "servers restarted in turn",
        restart_the_servers,
        ("cluster",),
        needs_servers=True,
        only_long=True,
        longest_outage=2,
    ),
    Fault(
        "a secondary's disk full",
        fill_a_secondarys_disk,
        ("cluster",),
        only_long=True,
        longest_outage=2,
    ),
    Fault("SIGKILL to all three at once", kill_all_nodes, ("cluster",), only_long=True),
)
