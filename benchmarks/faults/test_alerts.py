"""Prometheus watches while the shop is broken: each fault raises its alert, quiet raises none.

It needs the programs `prometheus` and `promtool` (Debian's package has both); without them it is
skipped, and with REQUIRE_PROMETHEUS=1 that is an error. DASHBOARD_PNG=file draws the dashboard.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults import faults
from benchmarks.faults.clients import Load
from benchmarks.faults.conftest import CLIENTS, Running
from benchmarks.faults.trial import Stage, await_first_successes, run_trial
from benchmarks.stack import REPOSITORY, Server, free_port, manage, server

MONITORING = REPOSITORY / "docs" / "monitoring"
TOKEN = "only-for-experiments-0123456789"  # noqa: S105
QUIET_SECONDS = 15
AWAY_SECONDS = 14
NOTICED_SECONDS = 20
MISSING = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]

if MISSING:
    if os.environ.get("REQUIRE_PROMETHEUS") == "1":
        raise RuntimeError(f"not installed: {', '.join(MISSING)}")
    pytest.skip(f"not installed: {', '.join(MISSING)}", allow_module_level=True)


@dataclass(frozen=True, slots=True)
class Watch:
    """Prometheus, and the server that it watches."""

    url: str
    server: Server
    running: Running

    def ask(self, path: str, **parameters: Any) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def fired_since(self, moment: float) -> set[str]:
        """The alerts that were firing at any time since then (seconds since 1970)."""
        found = self.ask(
            "query_range",
            query='ALERTS{alertstate="firing"}',
            start=moment,
            end=time.time(),
            step=1,
        )
        return {series["metric"]["alertname"] for series in found["result"]}


@pytest.fixture(scope="module")
def watch(start: Callable[[Any], Running], tmp_path_factory: Any) -> Iterator[Watch]:
    """A server of its own, watched every second by the rules as they are."""
    folder, running = tmp_path_factory.mktemp("prometheus"), start("mysql")
    manage(running.db, "audit")
    with server(running.db, METRICS_TOKEN=TOKEN) as shop:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(MONITORING / "alerts.yml")],
            "scrape_configs": [
                {
                    "job_name": "shop",
                    "authorization": {"credentials": TOKEN},
                    "static_configs": [{"targets": [f"127.0.0.1:{shop.port}"]}],
                }
            ],
        }
        (folder / "prometheus.json").write_text(json.dumps(config))
        address = f"127.0.0.1:{free_port()}"
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(  # noqa: S603
                ["prometheus", f"--config.file={folder}/prometheus.json",  # noqa: S607
                 f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            watch = Watch(f"http://{address}", shop, running)
            _await(lambda: watch.ask("query", query='up{job="shop"} == 1')["result"], 60)
            yield watch
        finally:
            process.terminate()
            process.wait(20)


def _await(condition: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.3)


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


def test_a_quiet_sale_raises_no_alert(watch: Watch) -> None:
    began = time.time()
    load = Load(watch.server.port, watch.running.take_shop(), clients=8)
    load.start()
    await_first_successes(load, watch.server)
    time.sleep(QUIET_SECONDS)
    load.stop()

    assert watch.fired_since(began) == set()


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
    watch: Watch, strike: Callable[[Stage], str], alert: str
) -> None:
    began = time.time()
    running = watch.running
    run_trial(alert, strike, running.db, watch.server, running.take_shop(), clients=CLIENTS)

    _await(lambda: alert in watch.fired_since(began), NOTICED_SECONDS)


def test_no_panel_of_the_dashboard_asks_for_what_is_not_there(watch: Watch) -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    empty = []
    answers: dict[str, list[tuple[str, Any]]] = {}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            found = watch.ask(
                "query_range",
                query=target["expr"].replace("$__rate_interval", "10s"),
                start=time.time() - 150,
                end=time.time(),
                step=1,
            )["result"]
            answers.setdefault(panel["title"], []).append((target["legendFormat"], found))
            if not found:
                empty.append(target["expr"])

    assert empty == []
    if picture := os.environ.get("DASHBOARD_PNG"):
        draw(answers, Path(picture))


def draw(answers: dict[str, list[tuple[str, Any]]], picture: Path) -> None:
    """The panels, as Grafana would show them."""
    import matplotlib  # noqa: PLC0415  only when a picture is wanted

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    rows = -(-len(answers) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(18, 3.2 * rows), squeeze=False)
    for axis, (title, targets) in zip(axes.flat, answers.items(), strict=False):
        for legend, series in targets:
            for one in series:
                name = legend
                for label, value in one["metric"].items():
                    name = name.replace("{{" + label + "}}", value)
                moments, values = zip(*one["values"], strict=True)
                axis.plot(
                    [at - time.time() for at in moments], [float(value) for value in values],
                    label=name, linewidth=1,
                )  # fmt: skip
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6, loc="upper left")
    for axis in axes.flat[len(answers) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(picture, dpi=80)
