"""The runs' figures as plots."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.bench.scenarios import BY_NAME
from benchmarks.bench.summary import YARDSTICK, Key, Summary

DPI = 110
WRITES = ("issue", "issue_single", "order_hot_1", "order_hot_10", "order_spread_1", "charge")


def title_of(scenario: str) -> str:
    """How a person calls it."""
    if scenario == "raw":
        return "bare driver, one lock per coupon"
    return BY_NAME[scenario].title if scenario in BY_NAME else scenario.replace("_", " ")


def plot_full(summary: Summary, folder: Path) -> None:
    """Throughput against clients, and times and CPU at 32 clients."""
    _throughput(summary, folder / "throughput.png")
    clients = [key[1] for key in summary.keys if key[0] == YARDSTICK]
    _times(summary, 32 if 32 in clients else clients[-1], folder / "times.png")
    _cpu(summary, 32 if 32 in clients else clients[-1], folder / "cpu.png")


def _throughput(summary: Summary, path: Path) -> None:
    figure, (writes, reads) = plt.subplots(1, 2, figsize=(13, 5.5), sharex=True)
    names = list(dict.fromkeys(key[0] for key in summary.keys if not key[2]))
    others = [name for name in names if name not in {*WRITES, "load_test", "order_hot_1_single"}]
    _curves(writes, summary, [name for name in names if name in WRITES])
    raw = sorted({key[1] for key in summary.keys if key[0] == "raw"})
    if raw:
        speeds = [summary.median_of(summary.best_raw(n), "per_second") for n in raw]
        writes.plot(raw, speeds, "k--o", label=title_of("raw"), linewidth=1)
    _curves(reads, summary, [name for name in others if name not in WRITES])
    for axes, title in ((writes, "writes"), (reads, "reads, refusals and the yardstick")):
        axes.set_title(title)
        _finish_clients(axes, "a second")
    _save(figure, path)


def _curves(
    axes: Axes,
    summary: Summary,
    names: Iterable[str],
    what: str = "per_second",
) -> None:
    for name in names:
        keys = sorted(key for key in summary.keys if key[0] == name and not key[2])
        values = [summary.median_of(key, what) for key in keys]
        style = {"color": "black", "linewidth": 2.5} if name == YARDSTICK else {}
        axes.plot([key[1] for key in keys], values, marker="o", label=title_of(name), **style)  # type: ignore[arg-type]


def _finish_clients(axes: Axes, ylabel: str) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:.0f}")
    _finish(axes, "clients", ylabel)


def _finish(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _times(summary: Summary, clients: int, path: Path) -> None:
    keys = [key for key in summary.keys if key[1] == clients and not key[2]]
    with _bars(keys, f"ms to the answer, {clients} clients", path) as (axes, places):
        for what, color in (("p99", "#d9d9d9"), ("p95", "#9ecae1"), ("p50", "#3182bd")):
            values = [summary.median_of(key, what) for key in keys]
            axes.barh(places, values, color=color, label=what)


def _cpu(summary: Summary, clients: int, path: Path) -> None:
    keys = [key for key in summary.keys if key[1] == clients and not key[2]]
    left = [0.0] * len(keys)
    has_database = None not in summary.of_rounds(keys[0], "cpu_database")
    shown = {
        "cpu_server": "#3182bd",
        **({"cpu_database": "#e6550d"} if has_database else {}),
        "cpu_generator": "#bdbdbd",
    }
    with _bars(keys, f"ms of CPU for each answer, {clients} clients", path) as (axes, places):
        for what, color in shown.items():
            spent = [
                summary.median_of(key, what) / summary.median_of(key, "per_second") * 1000
                for key in keys
            ]
            axes.barh(places, spent, left=left, color=color, label=what.removeprefix("cpu_"))
            left = [a + b for a, b in zip(left, spent, strict=True)]


@contextmanager
def _bars(keys: Sequence[Key], xlabel: str, path: Path) -> Iterator[tuple[Axes, range]]:
    """Axes with a line for each key, and the lines' places."""
    figure, axes = plt.subplots(figsize=(10, 0.42 * len(keys) + 1.5))
    places = range(len(keys))
    yield axes, places
    axes.set_yticks(places, [title_of(key[0]) for key in keys])
    axes.invert_yaxis()
    axes.set_xlabel(xlabel)
    axes.grid(alpha=0.3, axis="x")
    axes.legend()
    _save(figure, path)


def plot_scaling(summary: Summary, folder: Path) -> None:
    """Throughput and the 99th percentile against clients; throughput against processes."""
    names = list(dict.fromkeys(key[0] for key in summary.keys))
    figure, (speed, tail) = plt.subplots(1, 2, figsize=(13, 5.5))
    _curves(speed, summary, names)
    _finish_clients(speed, "a second")
    _curves(tail, summary, names, "p99")
    _finish_clients(tail, "p99 (ms)")
    _save(figure, folder / "clients.png")
    clients = sorted({key[1] for key in summary.keys if key[2]})
    figure, all_axes = plt.subplots(1, len(clients), figsize=(13, 5), squeeze=False)
    for axes, number in zip(all_axes[0], clients, strict=True):
        for name in names:
            points = sorted(
                (int(key[2].split()[0]), summary.median_of(key, "per_second"))
                for key in summary.keys
                if key[2] and key[0] == name and key[1] == number
            )
            axes.plot(*_columns(points), marker="o", label=title_of(name))
        axes.set_title(f"{number} clients")
        axes.set_xticks([1, 2, 4])
        _finish(axes, "server processes", "a second")
    _save(figure, folder / "processes.png")


def plot_rows(summary: Summary, folder: Path) -> None:
    """Throughput and times against order lines."""
    figure, all_axes = plt.subplots(1, 2, figsize=(13, 5.5))
    names = list(dict.fromkeys(key[0] for key in summary.keys if "lines" in key[2]))
    for axes, (what, clients, label) in zip(
        all_axes,
        (("per_second", 32, "a second, 32 clients"), ("p95", 1, "p95 (ms), 1 client")),
        strict=True,
    ):
        for name in names:
            points = sorted(
                (int(key[2].split()[0]), summary.median_of(key, what))
                for key in summary.keys
                if key[0] == name and key[1] == clients
            )
            axes.plot(*_columns(points), marker="o", label=title_of(name))
        axes.set_xscale("log")
        _finish(axes, "order lines there are", label)
    _save(figure, folder / "rows.png")


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _save(figure: "plt.Figure", path: Path) -> None:  # type: ignore[name-defined]
    figure.tight_layout()
    # Without the date and the drawer's version, so that the same figures make the same file.
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    plt.close(figure)
