"""The results as Markdown tables, for docs/benchmarks/experiment.md."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Json = dict[str, Any]

HEAD = """# The lock experiment: results

Written by `make experiment`; [concurrency.md](../concurrency.md) says what it means, and
[experiment.json](experiment.json) has every run. Measured on {measured}: {machine}; {versions}.

Medians of the runs; in each first table also the least and the greatest, where they differ.
*Exact*: in how many runs exactly the expected number went out, numbered 1 … n, with the counter
saying the same, and no request failed. *Inversions*: pairs served in the wrong order. *Passed
over*: came early enough and got nothing. *Statements*: SELECT, INSERT, UPDATE and DELETE.
*Transactions*: commits and rollbacks. Times may be compared among those in plain SQL, and between
the last two: the shop's services do more for each request, and a counter in Redis answers before
anything is in the database (its statements after the last answer are not counted).
"""
RACE_COLUMNS = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Inversions": "inversions",
    "Passed over": "passed_over",
    "Statements": "statements",
    "Transactions": "transactions",
    "ms": "seconds",
}
SHORT = ("Succeeded", "Inversions", "Transactions", "ms")
"""Of the large rushes, and of orders; experiment.json has the rest."""
LOSS_KEYS = ("told", "lost", "given_again")
LARGE = 1_000
ARRIVAL_COLUMNS = (
    "Processes",
    "Batch limit",
    "Runs",
    "Inversions",
    "Of all pairs",
    "Off by",
    "Inversions within processes",
    "Busiest process",
)


def races_of(result: Json) -> list[Json]:
    """Every rush that was measured on a database."""
    return [*result.get("seed", []), *result.get("thousand", [])]


def promises_exact(result: Json, strategy: str) -> bool:
    """Whether the strategy promises that exactly what there is goes out."""
    return any(one["name"] == strategy and one["promises_exact"] for one in result["strategies"])


def title_of(result: Json, strategy: str) -> str:
    """The strategy's name for people."""
    return next(str(one["title"]) for one in result["strategies"] if one["name"] == strategy)


def scenario_title(scenario: Json) -> str:
    """The scenario's name for people."""
    asked, had = ("requests", "coupons") if scenario["kind"] == "coupons" else ("orders", "pieces")
    return f"{scenario['requests']:,} {asked} for {scenario['total']:,} {had}"


def middle(values: Sequence[float]) -> str:
    """The median."""
    return f"{median(values):,.0f}"


def spread(values: Sequence[float]) -> str:
    """The median, with the least and the greatest when they differ."""
    low, high, text = min(values), max(values), middle(values)
    return text if low == high else f"{text} ({low:,.0f}–{high:,.0f})"


def write_tables(whole: Json, target: Path) -> None:
    """Write all results as one Markdown page."""
    databases = whole["databases"]
    versions = ", ".join(result["version"] for result in databases.values())
    parts = [HEAD.format(measured=whole["measured"], machine=whole["machine"], versions=versions)]
    for result in databases.values():
        parts += [f"## {result['version']}\n", *_race_tables(result), *_sweep_table(result)]
        parts += _arrival_tables(result)
        parts += _loss_table(result)
    target.write_text("\n".join(parts), encoding="utf-8")


def _race_tables(result: Json) -> Iterable[str]:
    seen = []
    for race in races_of(result):
        if race["scenario"] not in seen and not _is_sweep(race["scenario"]):
            seen.append(race["scenario"])
    for scenario in seen:
        races = [race for race in races_of(result) if race["scenario"] == scenario]
        runs = len(races[0]["runs"])
        yield f"### {scenario_title(scenario)}, {scenario['threads']} at once, {runs} runs each\n"
        is_first = scenario["kind"] == "coupons" and scenario["requests"] < LARGE
        names = tuple(RACE_COLUMNS) if is_first else SHORT
        rows = [_race_row(result, race, names) for race in races]
        yield _table(["Strategy", "Exact", *names], rows)


def _race_row(result: Json, race: Json, names: tuple[str, ...]) -> list[str]:
    runs = race["runs"]
    exact = sum(run["exact"] for run in runs)
    tell = middle if names == SHORT else spread
    cells = [
        tell([run[RACE_COLUMNS[name]] * (1000 if name == "ms" else 1) for run in runs])
        for name in names
    ]
    return [title_of(result, race["strategy"]), f"{exact} of {len(runs)}", *cells]


def _is_sweep(scenario: Json) -> bool:
    return bool(scenario["requests"] < LARGE and scenario["threads"] < scenario["requests"])


def _sweep_table(result: Json) -> Iterable[str]:
    small = [
        race
        for race in races_of(result)
        if race["scenario"]["requests"] == 40 and race["strategy"].startswith("optimistic")
    ]
    at_once = sorted({race["scenario"]["threads"] for race in small})
    if len(at_once) < 2:
        return
    yield "### Of 40 requests for 30 coupons, succeeded, by how many are under way at once\n"
    succeeded = {
        (race["strategy"], race["scenario"]["threads"]): spread(
            [run["succeeded"] for run in race["runs"]]
        )
        for race in small
    }
    rows = [
        [title_of(result, name), *(succeeded[name, threads] for threads in at_once)]
        for name in dict.fromkeys(race["strategy"] for race in small)
    ]
    yield _table(["Strategy", *(str(threads) for threads in at_once)], rows)


def _arrival_tables(result: Json) -> Iterable[str]:
    if "queue" in result:
        queue = result["queue"]
        yield "### A queue whose order is certain\n"
        yield (
            f"{queue['waiters']} transactions wait for one row, each known to wait before the next"
            f" asks, {len(queue['inversions'])} times. Inversions in the order of granting:"
            f" {spread(queue['inversions'])}. When {queue['dependents']} others wait for a lock"
            " that the last one holds, the last one is served as number"
            f" {spread(queue['last_served_as'])}.\n"
        )
    if "arrivals" in result:
        clients = result["arrivals"][0]["clients"]
        issued = result["arrivals"][0]["runs"][0]["issued"]
        yield f"### {issued:,} coupons over HTTP, {clients} clients, stamped at the entry\n"
        yield _table(
            ARRIVAL_COLUMNS,
            [_arrival_row(one) for one in result["arrivals"]],
        )


def _arrival_row(one: Json) -> list[str]:
    runs = one["runs"]
    pairs = runs[0]["issued"] * (runs[0]["issued"] - 1) / 2
    share = median(run["inversions"] for run in runs) / pairs
    return [
        str(one["workers"]),
        str(one["max_batch"]),
        str(len(runs)),
        spread([run["inversions"] for run in runs]),
        f"{share:.2%}",
        spread([run["displacement"] for run in runs]),
        spread([run["within_processes"] for run in runs]),
        f"{median(run['busiest_share'] for run in runs):.0%}",
    ]


def _loss_table(result: Json) -> Iterable[str]:
    if "losses" not in result:
        return
    yield "### Told, and not in the books: a counter in Redis that is cut off in the middle\n"
    yield _table(
        ["Redis writes", "Cut", "Runs", "Told", "Not in the books", "Numbers given out again"],
        [
            [
                "each second" if one["fsync"] == "everysec" else "always",
                "SIGKILL" if one["cut"] == "kill" else "power",
                str(len(one["runs"])),
                *(spread([run[key] for run in one["runs"]]) for key in LOSS_KEYS),
            ]
            for one in result["losses"]
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
