"""Prometheus watches while the shop is broken: each fault raises its alert, quiet raises none.

It needs the programs `prometheus` and `promtool` (Debian's package has both); without them it is
skipped, and with REQUIRE_PROMETHEUS=1 that is an error. DASHBOARD_PNG=file draws the dashboard.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults import faults
from benchmarks.faults.clients import Load
from benchmarks.faults.conftest import CLIENTS, Running
from benchmarks.faults.trial import Stage, await_first_successes, run_trial
from benchmarks.faults.watch import MISSING, MONITORING, TOKEN, Watch, await_, draw, watching
from benchmarks.stack import Server, manage, server

QUIET_SECONDS = 15
AWAY_SECONDS = 14
NOTICED_SECONDS = 20

if MISSING:
    if os.environ.get("REQUIRE_PROMETHEUS") == "1":
        raise RuntimeError(f"not installed: {', '.join(MISSING)}")
    pytest.skip(f"not installed: {', '.join(MISSING)}", allow_module_level=True)


@dataclass(frozen=True, slots=True)
class Watched:
    """What runs, and Prometheus, which watches one server of it."""

    running: Running
    server: Server
    prometheus: Watch


@pytest.fixture(scope="module")
def watch(start: Callable[[Any], Running], tmp_path_factory: Any) -> Iterator[Watched]:
    """A server of its own, watched every second by the rules as they are."""
    folder, running = tmp_path_factory.mktemp("prometheus"), start("mysql")
    manage(running.db, "audit")
    with (
        server(running.db, METRICS_TOKEN=TOKEN) as shop,
        watching(shop, folder) as prometheus,
    ):
        yield Watched(running, shop, prometheus)


def test_the_rules_are_tested_by_themselves() -> None:
    for arguments in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(  # noqa: S603
            ["promtool", *arguments],  # noqa: S607
            cwd=MONITORING,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_quiet_sale_raises_no_alert(watch: Watched) -> None:
    began = time.time()
    load = Load(watch.server.port, watch.running.take_shop(), clients=8)
    load.start()
    await_first_successes(load, watch.server)
    time.sleep(QUIET_SECONDS)
    load.stop()

    assert watch.prometheus.fired_since(began) == set()


def keep_the_server_away(stage: Stage) -> str:
    stage.server.kill()
    time.sleep(AWAY_SECONDS)
    stage.over()
    stage.server.start()
    return f"{AWAY_SECONDS} s"


@pytest.mark.parametrize(
    ("strike", "alert"),
    [
        (faults.kill_a_worker, "ShopWorkerDied"),
        (faults.cut_connections, "ShopConnectionsCut"),
        (faults.fill_the_lock_wait, "ShopBusy"),
        (faults.kill_the_database, "ShopDatabaseAway"),
        (keep_the_server_away, "ShopServerDown"),
    ],
)
def test_each_fault_raises_its_alert(
    watch: Watched, strike: Callable[[Stage], str], alert: str
) -> None:
    began = time.time()
    running = watch.running
    run_trial(alert, strike, running.db, watch.server, running.take_shop(), clients=CLIENTS)

    await_(lambda: alert in watch.prometheus.fired_since(began), NOTICED_SECONDS)


def test_no_panel_of_the_dashboard_asks_for_what_is_not_there(watch: Watched) -> None:
    now = time.time()

    answers = watch.prometheus.panels(now - 150, now, "10s")

    assert [title for title, targets in answers.items() for _, found in targets if not found] == []
    if picture := os.environ.get("DASHBOARD_PNG"):
        draw(answers, Path(picture))
