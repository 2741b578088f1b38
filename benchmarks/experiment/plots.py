"""The pictures: who completed, who failed, in the order in which they came."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.experiment.judging import FAILED, REFUSED
from benchmarks.experiment.report import Json, races_of, scenario_title, title_of

# Colours that people with any kind of colour vision tell apart (Okabe and Ito), and a shape each.
GREEN, GREY, RED, BLUE = "#009E73", "#999999", "#D55E00", "#0072B2"
DATABASE_COLOURS = {"mysql": BLUE, "mariadb": "#E69F00", "sqlite": "#56B4E9"}
NAMES = {"mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite"}
mpl.rcParams.update({"font.size": 8, "axes.titlesize": 9, "savefig.dpi": 100})


def write_plots(whole: Json, folder: Path) -> None:
    """Draw everything that was measured into a folder, a file for each strategy and size."""
    folder.mkdir(parents=True, exist_ok=True)
    databases: Json = whole["databases"]
    raced = {kind: result for kind, result in databases.items() if races_of(result)}
    if raced:
        first = next(iter(raced.values()))
        for strategy in first["strategies"]:
            for size, requests in (("seed", (40, 11)), ("thousand", (1_000,))):
                _draw_strategy(
                    raced, strategy["name"], requests, folder / f"{strategy['name']}-{size}.png"
                )
        _draw_comparison(raced, folder / "comparison.png")
    measured = {kind: result for kind, result in databases.items() if "arrivals" in result}
    if measured:
        _draw_arrivals(measured, folder / "arrival.png")


def _save(figure: Figure, target: Path) -> None:
    drawn = BytesIO()
    # Without the name and version of the program, the same results make the same file.
    figure.savefig(drawn, format="png", metadata={"Software": None})
    # A palette is enough for dots and letters, and makes a third of the size.
    Image.open(drawn).convert("RGB").quantize(64).save(target, optimize=True)


# --- One strategy ---------------------------------------------------------------------------------


def _draw_strategy(raced: Json, strategy: str, requests: Sequence[int], target: Path) -> None:
    rows = [
        (NAMES[kind], result, list(_pictures(result, strategy, requests)))
        for kind, result in raced.items()
    ]
    rows = [row for row in rows if row[2]]
    if not rows:
        return
    columns = max(len(races) for _, _, races in rows)
    widths = [4, 1.5] if requests[0] < 100 else [1, 1]
    figure = Figure(figsize=(11, 2.6 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False, width_ratios=widths[:columns])
    for line, (name, _, races) in zip(axes, rows, strict=True):
        for axis, race in zip(line, races, strict=False):
            _draw_race(axis, race, f"{name}: {scenario_title(race['scenario'])}")
    figure.suptitle(title_of(rows[0][1], strategy), fontsize=12, fontweight="bold")
    _save(figure, target)


def _pictures(result: Json, strategy: str, requests: Sequence[int]) -> Iterable[Json]:
    """The strategy's races of these sizes with the most under way at once."""
    for size in requests:
        for kind in ("coupons", "orders"):
            races = _of_size(result, size, kind)
            yield from (race for race in races if race["strategy"] == strategy)


def _draw_race(axis: Axes, race: Json, title: str) -> None:
    picture: list[int] = race["picture"]
    small = len(picture) < 100
    got = [(place, number) for place, number in enumerate(picture, start=1) if number > 0]
    refused = [place for place, number in enumerate(picture, start=1) if number == REFUSED]
    failed = [place for place, number in enumerate(picture, start=1) if number == FAILED]
    top = max(race["scenario"]["total"], *picture)
    below, size = -0.09 * top, 22 if small else 3
    axis.axhline(0, color=GREY, linewidth=0.5)
    axis.scatter(*_columns(got), s=size, color=GREEN, label=f"completed: {len(got)}")
    axis.scatter(refused, [below] * len(refused), s=size, color=GREY, marker="s")
    axis.scatter(failed, [2 * below] * len(failed), s=size, color=RED, marker="x", linewidths=0.8)
    if small:
        for place, number in got:
            axis.annotate(
                str(number),
                (place, number),
                (0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=6.5,
            )
    axis.set_ylim(2.8 * below, top * 1.18)
    axis.set_yticks([2 * below, below, 1, race["scenario"]["total"]])
    axis.set_yticklabels(["failed", "sold out", "no. 1", f"no. {race['scenario']['total']}"])
    axis.set_title(
        f"{title}\n{len(got)} completed, {len(refused)} refused, {len(failed)} failed",
        loc="left",
        fontsize=8,
    )
    axis.set_xlabel("order of arrival", fontsize=7)
    axis.margins(x=0.02)


def _columns(points: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [x for x, _ in points], [y for _, y in points]


# --- All strategies -------------------------------------------------------------------------------


def _draw_comparison(raced: Json, target: Path) -> None:
    figure = Figure(figsize=(12, 10), layout="constrained")
    axes = figure.subplots(2, 2)
    sizes = [size for size in (40, 1_000) if _at_size(raced, size)]
    for axis in axes[0][len(sizes) :]:
        axis.remove()
    for axis, size in zip(axes[0], sizes, strict=False):
        _draw_bars(axis, raced, size, "succeeded", f"Completed of {size:,} requests")
        total = _of_size(next(iter(_at_size(raced, size).values())), size)[0]["scenario"]["total"]
        axis.axvline(total, color="black", linewidth=0.8, linestyle="--")
    size = sizes[-1]
    _draw_bars(axes[1][0], raced, size, "inversions", f"Inversions, {size:,} requests", log=True)
    _draw_bars(axes[1][1], raced, size, "statements", f"Statements, {size:,} requests", log=True)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle("Coupons by strategy: median, least and greatest of all runs", fontsize=12)
    _save(figure, target)


def _at_size(raced: Json, size: int) -> Json:
    return {kind: result for kind, result in raced.items() if _of_size(result, size)}


def _of_size(result: Json, size: int, kind: str = "coupons") -> list[Json]:
    """The races of so many requests with the most under way at once."""
    races = [
        race
        for race in races_of(result)
        if race["scenario"]["kind"] == kind and race["scenario"]["requests"] == size
    ]
    most = max((race["scenario"]["threads"] for race in races), default=0)
    return [race for race in races if race["scenario"]["threads"] == most]


def _draw_bars(
    axis: Axes, raced: Json, size: int, key: str, title: str, *, log: bool = False
) -> None:
    raced = _at_size(raced, size)
    height = 0.8 / len(raced)
    for shift, (kind, result) in enumerate(raced.items()):
        races = _of_size(result, size)
        values = [[run[key] for run in race["runs"]] for race in races]
        middles = [median(one) for one in values]
        errors = [
            [middle - min(one) for middle, one in zip(middles, values, strict=True)],
            [max(one) - middle for middle, one in zip(middles, values, strict=True)],
        ]
        places = [place + shift * height for place in range(len(races))]
        axis.barh(
            places,
            middles,
            height,
            xerr=errors,
            color=DATABASE_COLOURS[kind],
            label=NAMES[kind],
            error_kw={"linewidth": 0.8},
        )
        axis.set_yticks([place + 0.4 - height / 2 for place in range(len(races))])
        axis.set_yticklabels([title_of(result, race["strategy"]) for race in races])
    if log:
        axis.set_xscale("symlog")
    axis.invert_yaxis()
    axis.set_title(title)


# --- Across processes -----------------------------------------------------------------------------


def _draw_arrivals(measured: Json, target: Path) -> None:
    first: list[Json] = next(iter(measured.values()))["arrivals"]
    figure = Figure(figsize=(13, 3 * len(measured)), layout="constrained")
    axes = figure.subplots(len(measured), len(first), squeeze=False, sharey=True)
    for line, (kind, result) in zip(axes, measured.items(), strict=True):
        for axis, one in zip(line, result["arrivals"], strict=True):
            off = [number - place for place, number in enumerate(one["picture"], start=1)]
            axis.axhline(0, color=GREY, linewidth=0.5)
            axis.scatter(range(1, len(off) + 1), off, s=3, color=BLUE)
            how = "one by one" if one["max_batch"] == 1 else "group commit"
            axis.set_title(f"{NAMES[kind]}, {one['workers']} processes, {how}")
            axis.set_xlabel("order of arrival")
        line[0].set_ylabel("issue number − place of arrival")
    figure.suptitle("How far the issue number is from the place of arrival", fontsize=12)
    _save(figure, target)
