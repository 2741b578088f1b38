"""Three faults as an operator meets them: what the dashboard shows, when it calls, what mends it.

    python -m benchmarks.faults.game_day FOLDER

The shop is watched as `deploy/prometheus.yml` says. While clients buy, something breaks; it stays
broken until an alert fires, and a moment later what the runbook says is done. FOLDER gets a picture
of each, and what was printed is what docs/incidents.md tells.
"""

import os
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults.clients import Load
from benchmarks.faults.shop import open_shops
from benchmarks.faults.trial import await_first_successes
from benchmarks.faults.watch import TOKEN, Watch, draw, watching
from benchmarks.stack import Database, Server, database, manage, server

REACTION_SECONDS = 30
"""From the alert until somebody has read it and looks: taken, not measured."""
EVERY = "5s"
"""As in deploy/prometheus.yml."""
INTERVAL = "20s"
CLIENTS, MEMBERS = 6, 4_000
BEFORE_SECONDS, AFTER_SECONDS = 60, 90
NOTICED_SECONDS = 180


@dataclass(slots=True)
class Day:
    """What an operator has at hand."""

    db: Database
    server: Server
    watch: Watch
    held: list[Any] = field(default_factory=list)
    """Connections that a fault keeps open."""

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        connection = self.db.connect()
        cursor = connection.cursor()
        cursor.execute(sql)
        rows = list(cursor.fetchall())
        connection.close()
        return rows


@dataclass(frozen=True, slots=True)
class Incident:
    """What breaks, what the operator does about it, and where to look."""

    name: str
    strike: Callable[[Day, Load], None]
    mend: Callable[[Day], str]
    panels: Sequence[str]


# --- A transaction that was left open -------------------------------------------------------------

BLOCKERS = (
    "SELECT DISTINCT t.processlist_id, t.processlist_user, t.processlist_command,"
    " t.processlist_time FROM performance_schema.data_lock_waits w"
    " JOIN performance_schema.threads t ON t.thread_id = w.blocking_thread_id"
    " WHERE w.blocking_thread_id NOT IN"
    " (SELECT requesting_thread_id FROM performance_schema.data_lock_waits)"
)
"""Who keeps others waiting and waits for nobody."""


def leave_a_transaction_open(day: Day, load: Load) -> None:
    connection = day.db.connect()
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute(f"SELECT id FROM coupons_coupon WHERE id = {load.locked_campaign:d} FOR UPDATE")
    day.held.append(connection)


def kill_who_blocks(day: Day) -> str:
    found: list[tuple[Any, ...]] = []
    while not found:
        found = day.ask(BLOCKERS)
    for blocker, *_ in found:
        day.ask(f"KILL {blocker:d}")
    return f"blocked by (id, user, command, seconds): {found}; killed"


# --- A database that stands still -----------------------------------------------------------------


def freeze_the_database(day: Day, load: Load) -> None:
    day.db.container.pause()


def thaw_the_database(day: Day) -> str:
    state = day.db.container.status
    day.db.container.unpause()
    return f"its container was {state}; unpaused"


# --- Processes that die ---------------------------------------------------------------------------


def kill_a_worker(day: Day, load: Load) -> None:
    os.kill(day.server.worker_pids()[0], signal.SIGKILL)


def look_only(day: Day) -> str:
    said = [line for line in day.server.printed().splitlines() if "worker" in line.lower()]
    return f"nothing to mend; the log: {said[-2:]}; {day.server.listeners()} workers serve"


INCIDENTS = (
    Incident(
        "locked",
        leave_a_transaction_open,
        kill_who_blocks,
        (
            "Coupons: what became of each press",
            "How long a press takes",
            "Waiting for a batch (19 of 20)",
            "Answered without an error (the goal: 99.9 %)",
        ),
    ),
    Incident(
        "frozen",
        freeze_the_database,
        thaw_the_database,
        (
            "Orders: what became of each",
            "Requests by status",
            "Transactions that ran again",
            "Servers, and databases, that answer; processes that ended",
        ),
    ),
    Incident(
        "worker",
        kill_a_worker,
        look_only,
        (
            "Servers, and databases, that answer; processes that ended",
            "Requests by status",
            "How long an order takes",
            "Hashes waiting, connections held",
        ),
    ),
)


def play(incident: Incident, day: Day, folder: Path) -> None:
    """Break it, wait for the alert, do what the runbook says, wait until all is well."""
    load = Load(day.server.port, open_shops(day.db, 1, members=MEMBERS)[0], clients=CLIENTS)
    load.start()
    try:
        await_first_successes(load, day.server)
        time.sleep(BEFORE_SECONDS)
        struck, began = time.time(), time.monotonic()
        incident.strike(day, load)
        noticed, alerts = _first_alerts(day.watch, struck)
        print(f"\n{incident.name}: {alerts} after {noticed - struck:.0f} s", flush=True)
        time.sleep(REACTION_SECONDS)
        looked = time.time()
        print(incident.mend(day))
        mended, mended_at = time.time(), time.monotonic()
        time.sleep(AFTER_SECONDS)
    finally:
        load.stop()
    turned_away = [one for _, one in load.attempts() if one.was_turned_away and one.ended >= began]
    told = [one.ended for one in turned_away]
    print(
        f"first error {min(told, default=began) - began:.1f} s after it broke; looked at and mended"
        f" in {mended - looked:.1f} s; last error {max(told, default=mended_at) - mended_at:+.1f} s"
        f" from then; turned away: {dict(Counter(str(one.trouble) for one in turned_away))} of"
        f" {sum(one.ended >= began for _, one in load.attempts())}; all alerts:"
        f" {_alerts_since(day.watch, struck)}"
    )
    for connection in day.held:
        connection.close()
    day.held.clear()
    start = struck - BEFORE_SECONDS
    panels = day.watch.panels(start, mended + AFTER_SECONDS, INTERVAL)
    shown = {title: panels[title] for title in incident.panels}
    moments = {"it breaks": struck, alerts[0]: noticed, "mended": mended}
    draw(shown, folder / f"{incident.name}.png", columns=2, zero=struck, moments=moments)


def _first_alerts(watch: Watch, since: float) -> tuple[float, list[str]]:
    while time.time() < since + NOTICED_SECONDS:
        firing = [
            alert["labels"]["alertname"]
            for alert in watch.ask("alerts")["alerts"]
            if alert["state"] == "firing"
        ]
        if firing:
            return time.time(), sorted(set(firing))
        time.sleep(0.2)
    return time.time(), ["nobody called"]


def _alerts_since(watch: Watch, moment: float) -> str:
    """Each alert that fired, from when to when, in seconds from that moment."""
    query = 'ALERTS{alertstate="firing"}'
    found = watch.ask("query_range", query=query, start=moment, end=time.time(), step=1)["result"]
    return ", ".join(
        f"{one['metric']['alertname']} {one['values'][0][0] - moment:.0f} to"
        f" {one['values'][-1][0] - moment:.0f} s"
        for one in found
    )


def main(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SECRET_KEY", secrets.token_hex(32))  # one for server and tokens
    with tempfile.TemporaryDirectory() as scratch, database("mysql") as db:
        manage(db, "migrate", "--verbosity", "0")
        manage(db, "audit")
        with (
            server(db, METRICS_TOKEN=TOKEN) as shop,
            watching(shop, Path(scratch), every=EVERY) as watch,
        ):
            day = Day(db, shop, watch)
            for incident in INCIDENTS:
                if not names or incident.name in names:
                    play(incident, day, folder)
            print(manage(db, "audit").splitlines()[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
