"""The results as Markdown tables, for docs/benchmarks/experiment.md."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Json = dict[str, Any]

HEAD = """# The lock experiment: results

Written by `make experiment`; [concurrency.md](../concurrency.md) says what it means, and
[experiment.json](experiment.json) has every run. Measured on {measured}: {machine}; {versions}.

Medians of the runs; of the smallest rush and of the arrivals also the least and the greatest.
*Out*: how many succeeded; in bold where each run was exact: the expected number went out, numbered
1 … n, with the counter saying the same, and no request failed. *Inv.*: inversions, pairs served in
the wrong order. *Passed over*: came early enough and got nothing. *Statements*: SELECT, INSERT,
UPDATE and DELETE. *Transactions*: commits and rollbacks. Compare times among those in plain SQL,
and between those of the shop: its services do more, and a counter in Redis answers before anything
is in the database (its later statements are not counted).
"""
RACE_COLUMNS = {
    "Out": "succeeded",
    "Inv.": "inversions",
    "Passed over": "passed_over",
    "Statements": "statements",
    "Transactions": "transactions",
    "ms": "seconds",
}
SHORT = ("Out", "Inv.", "ms")
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
    results = list(whole["databases"].values())
    versions = ", ".join(result["version"] for result in results)
    parts = [HEAD.format(measured=whole["measured"], machine=whole["machine"], versions=versions)]
    for result in results:
        parts += [f"## {result['version']}\n", *_smallest_table(result), *_sweep_table(result)]
        parts += _arrival_tables(result)
        parts += _loss_table(result)
    parts += _tables_side_by_side(results)
    target.write_text("\n".join(parts), encoding="utf-8")


def _smallest_table(result: Json) -> Iterable[str]:
    races = [race for race in races_of(result) if _is_smallest(race["scenario"])]
    if races:
        yield _title_of_table(races[0])
        rows = [
            [title_of(result, race["strategy"]), *_cells(race, tuple(RACE_COLUMNS), spread)]
            for race in races
        ]
        yield _table(["Strategy", *RACE_COLUMNS], rows)


def _tables_side_by_side(results: Sequence[Json]) -> Iterable[str]:
    """The large rushes and the orders: a row for each strategy, all databases beside each other."""
    scenarios: list[Json] = []
    for race in (race for result in results for race in races_of(result)):
        of_interest = not _is_smallest(race["scenario"]) and not _is_sweep(race["scenario"])
        if of_interest and race["scenario"] not in scenarios:
            scenarios.append(race["scenario"])
    if scenarios:
        yield "## The databases side by side\n"
    for scenario in scenarios:
        measured = [
            (result, {r["strategy"]: r for r in races_of(result) if r["scenario"] == scenario})
            for result in results
        ]
        measured = [(result, races) for result, races in measured if races]
        titles = {name: title_of(result, name) for result, races in measured for name in races}
        yield _title_of_table(next(iter(measured[0][1].values())))
        head = ["Strategy"]
        for result, _ in measured:
            head += [f"{result['version'].split()[0]}: {SHORT[0].lower()}", *SHORT[1:]]
        rows = []
        for name, title in titles.items():
            row = [title]
            for _, races in measured:
                missing = ["–", *[""] * (len(SHORT) - 1)]  # it was not measured on this one
                row += _cells(races[name], SHORT, middle) if name in races else missing
            rows.append(row)
        yield _table(head, rows)


def _title_of_table(race: Json) -> str:
    scenario, runs = race["scenario"], len(race["runs"])
    return f"### {scenario_title(scenario)}, {scenario['threads']} at once, {runs} runs each\n"


def _cells(race: Json, names: tuple[str, ...], tell: Callable[[Sequence[float]], str]) -> list[str]:
    runs = race["runs"]
    exact = sum(run["exact"] for run in runs)
    out, *others = (
        tell([run[RACE_COLUMNS[name]] * (1000 if name == "ms" else 1) for run in runs])
        for name in names
    )
    if exact == len(runs):
        out = f"**{out}**"
    elif exact:
        out += f" (exact: {exact}/{len(runs)})"
    return [out, *others]


def _is_smallest(scenario: Json) -> bool:
    """Whether it is the coupons' rush of forty, of which everything is told."""
    return bool(
        scenario["kind"] == "coupons" and scenario["requests"] < LARGE and not _is_sweep(scenario)
    )


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
    first, *lines = ("| " + " | ".join(line) + " |\n" for line in (head, *rows))
    return f"{first}|---{'|---:' * (len(head) - 1)}|\n{''.join(lines)}"
