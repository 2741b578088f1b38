"""Prometheus watches a server by the rules of docs/monitoring; pictures of what it saw."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stack import REPOSITORY, Server, free_port

MONITORING = REPOSITORY / "docs" / "monitoring"
TOKEN = "only-for-experiments-0123456789"  # noqa: S105
MISSING = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]

Answers = dict[str, list[tuple[str, Any]]]
"""By a panel's title its series, each by the name of its target."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Prometheus, and the server that it watches."""

    url: str
    server: Server

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

    def panels(self, start: float, end: float, interval: str) -> Answers:
        """What each panel of the dashboard shows of this time, by rates over an interval."""
        answers: Answers = {}
        for panel in json.loads((MONITORING / "dashboard.json").read_text())["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"].replace("$__rate_interval", interval)
                found = self.ask("query_range", query=query, start=start, end=end, step=1)
                answers.setdefault(panel["title"], []).append(
                    (target["legendFormat"], found["result"])
                )
        return answers


@contextmanager
def watching(shop: Server, folder: Path, *, every: str = "1s") -> Iterator[Watch]:
    """Prometheus asks the server, started with METRICS_TOKEN=TOKEN, so often, and judges."""
    config = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
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
        watch = Watch(f"http://{address}", shop)
        await_(lambda: watch.ask("query", query='up{job="shop"} == 1')["result"], 60)
        yield watch
    finally:
        process.terminate()
        process.wait(20)


def await_(condition: Callable[[], Any], seconds: float) -> None:
    """Until it is so; AssertionError after so long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.3)


def draw(
    answers: Answers,
    picture: Path,
    *,
    columns: int = 3,
    zero: float | None = None,
    moments: Mapping[str, float] | None = None,
    colours: Sequence[str] = ("tab:red", "tab:orange", "tab:blue", "tab:green"),
) -> None:
    """The panels, as Grafana would show them, from `zero` on (seconds since 1970; else: now).

    `moments` are marked by lines, in the order of the colours.
    """
    import matplotlib  # noqa: PLC0415  only when a picture is wanted

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    zero = time.time() if zero is None else zero
    rows = -(-len(answers) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(6 * columns, 3.2 * rows), squeeze=False)
    for axis, (title, targets) in zip(axes.flat, answers.items(), strict=False):
        for legend, series in targets:
            for one in series:
                name = legend
                for label, value in one["metric"].items():
                    name = name.replace("{{" + label + "}}", value)
                at, values = zip(*one["values"], strict=True)
                axis.plot(
                    [moment - zero for moment in at], [float(value) for value in values],
                    label=name, linewidth=1,
                )  # fmt: skip
        for colour, (name, moment) in zip(colours, (moments or {}).items(), strict=False):
            axis.axvline(moment - zero, color=colour, linestyle="--", linewidth=1, label=name)
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6, loc="upper left")
    for axis in axes.flat[len(answers) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(picture, dpi=80)
    plt.close(figure)
    with Image.open(picture) as drawn:  # a quarter of the size, and as good to look at
        drawn.convert("RGB").quantize(64).save(picture, optimize=True)
