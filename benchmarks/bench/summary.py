"""From measurements to figures: medians over the rounds, ratios within them, targets met or not."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Result = Mapping[str, Any]
"""What a run has written: `about`, `measurements`, and more."""

Key = tuple[str, int, str]
"""A scenario, clients, and the variant, if any."""

YARDSTICK = "yardstick"
GROUPED, ORDERED = ("issue", "issue_single"), ("order_hot_1", YARDSTICK)
"""What is held against what."""


class Summary:
    """A run's lines, and ratios between them."""

    def __init__(self, result: Result) -> None:
        self.about: Mapping[str, Any] = result["about"]
        self._rounds: dict[Key, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for m in result["measurements"]:
            self._rounds[m["scenario"], m["clients"], m["variant"]][m["round"]] = m

    @property
    def keys(self) -> Sequence[Key]:
        """All that was measured, in the order in which it was."""
        return list(self._rounds)

    def has(self, scenario: str, clients: int, variant: str = "") -> bool:
        """Whether it was measured."""
        return (scenario, clients, variant) in self._rounds

    def of_rounds(self, key: Key, what: str) -> list[Any]:
        """One figure, or count, of each round."""
        return [m[what] for m in self._rounds[key].values()]

    def median_of(self, key: Key, what: str) -> float:
        """The median over the rounds of one figure."""
        return float(median(self.of_rounds(key, what)))

    def cores(self, key: Key, what: str) -> str:
        """The cores that something used; "" for a database in the server's processes."""
        used = self.of_rounds(key, f"cpu_{what}")
        return "" if None in used else f"{median(used):.2f}"

    def ratio(self, key: Key, to: Key) -> float | None:
        """How many times as many a second as `to`: the median of the ratios within rounds."""
        mine, others = self._rounds.get(key, {}), self._rounds.get(to, {})
        both = mine.keys() & others.keys()
        if not both:
            return None
        return float(median(mine[n]["per_second"] / others[n]["per_second"] for n in both))

    def cpu_ms(self, key: Key) -> float:
        """The server's CPU for each answer."""
        return float(
            1_000 * median(m["cpu_server"] / m["per_second"] for m in self._rounds[key].values())
        )

    def shown(self) -> list[Key]:
        """All that was measured; of the raw limit, the number of processes that was best."""
        clients = {key[1] for key in self.keys if key[0] == "raw"}
        best = {self.best_raw(number) for number in clients}
        return [key for key in self.keys if key[0] != "raw" or key in best]

    def best_raw(self, clients: int) -> Key:
        """The number of driver processes that issued most coupons."""
        keys = [key for key in self.keys if key[:2] == ("raw", clients)]
        return max(
            keys, key=lambda key: self.median_of(key, "per_second"), default=("raw", clients, "")
        )


# --- Targets ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is to be reached, and what was measured; None: not in this run."""

    what: str
    wanted: str
    measured: str | None
    is_met: bool | None


def targets(full: Result | None, rows: Result | None, events: Result | None) -> list[Target]:
    """What the design asks for, against what the runs say."""
    return [*_ratio_targets(full), *_row_targets(rows), *_event_targets(events)]


def _ratio_targets(full: Result | None) -> list[Target]:
    summary = Summary(full) if full else None
    return [
        _at_least(summary, *target)
        for target in (
            (*("coupon issue, group commit, against batch limit 1", 32, 3.0), *GROUPED),
            (*("coupon issue, group commit, against batch limit 1", 128, 4.0), *GROUPED),
            ("coupon issue against the yardstick", 32, 0.35, "issue", YARDSTICK),
            ("coupon issue against the yardstick", 128, 0.5, "issue", YARDSTICK),
            ("coupon issue over HTTP against bare driver threads", 128, 1.0, "issue", "raw"),
            ("sold-out refusals against the yardstick", 32, 0.8, "sold_out", YARDSTICK),
            (*("one-line order on one hot product, to the yardstick", 32, 0.15), *ORDERED),
        )
    ]


def _at_least(
    summary: Summary | None, what: str, clients: int, wanted: float, mine: str, to: str
) -> Target:
    ratio = None
    if summary:
        other = summary.best_raw(clients) if to == "raw" else (to, clients, "")
        ratio = summary.ratio((mine, clients, ""), other)
    return Target(
        f"{what}, {clients} clients",
        f"≥ {wanted:g} ×",
        None if ratio is None else f"{ratio:.2f} ×",
        None if ratio is None else ratio >= wanted,
    )


def _row_targets(rows: Result | None) -> list[Target]:
    summary = Summary(rows) if rows else None
    found = []
    variants = sorted(
        {key[2] for key in summary.keys if key[0] == "top_products"} if summary else (),
        key=lambda variant: int(variant.split()[0]),
    )
    for variant in {variants[0]: 1, variants[-1]: 1} if variants else ("2000000 lines",):
        lines = int(variant.split()[0])
        p95 = (
            summary.median_of(("top_products", 1, variant), "p95") if variants and summary else None
        )
        found.append(_below(f"top-products over {lines:,} order lines, p95", p95, 5))
    orders = [one for one in rows["seeded"] if one["lines"]] if rows else []
    speed = (
        sum(one["lines"] for one in orders) / sum(one["seconds"] for one in orders)
        if orders
        else None
    )
    found.append(
        Target(
            "manage.py seed, order lines a second",
            "≥ 20,000",
            None if speed is None else f"{speed:,.0f}",
            None if speed is None else speed >= 20_000,
        )
    )
    return found


def _below(what: str, milliseconds: float | None, wanted: float) -> Target:
    return Target(
        what,
        f"< {wanted:g} ms",
        None if milliseconds is None else f"{milliseconds:.1f} ms",
        None if milliseconds is None else milliseconds < wanted,
    )


LATE_RATE = 1_000
"""Orders a second at which events must not be late."""


def _event_targets(events: Result | None) -> list[Target]:
    summary = Summary(events) if events else None
    found = [
        _at_least(summary, f"{what}, with a listener against none", 32, 0.92, f"{name}_told", name)
        for name, what in (("issue", "coupon issue"), ("order_hot_1", "one-line order"))
    ]
    told = {one["rate"]: one for one in events["telling"]} if events else {}
    late = told[LATE_RATE]["p95"] if LATE_RATE in told else None
    return [
        *found,
        _below(f"an event after its order, {LATE_RATE:,} orders a second, p95", late, 1_000),
    ]


# --- Tables in Markdown -------------------------------------------------------------------------


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1) -> str:
    """A Markdown table, numbers to the right."""
    marks = ["---" if n < numbers_from else "---:" for n in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, marks, *rows))


def targets_table(found: Iterable[Target]) -> str:
    """The targets with what was measured."""
    verdicts = {True: "met", False: "**not met**", None: ""}
    return table(
        ("what", "wanted", "measured", ""),
        [(t.what, t.wanted, t.measured or "not measured yet", verdicts[t.is_met]) for t in found],
    )


def figures_table(summary: Summary, title_of: Callable[[str], str]) -> str:
    """What was answered in a second, by clients, and how long the fewest wait."""
    by_scenario: dict[str, dict[int, Key]] = defaultdict(dict)
    for key in summary.shown():
        if not key[2] or key[0] == "raw":  # of 1, 2 and 4 processes the best
            by_scenario[key[0]][key[1]] = key
    clients = sorted({number for keys in by_scenario.values() for number in keys})
    rows = []
    for scenario, keys in by_scenario.items():
        seconds = [
            f"{summary.median_of(keys[n], 'per_second'):,.0f}" if n in keys else "" for n in clients
        ]
        p95 = summary.median_of(keys[min(keys)], "p95")
        rows.append([title_of(scenario), *seconds, f"{p95:,.1f}"])
    header = ("a second, by clients", *(f"{number}" for number in clients), "p95 of the fewest, ms")
    return table(header, rows)


def events_table(summary: Summary) -> str:
    """What coupons and orders do in a second with and without a listener, and the server's CPU."""
    rows = []
    for name, clients, _variant in summary.keys:
        told = (f"{name}_told", clients, "")
        if not summary.has(*told):
            continue
        without = (name, clients, "")
        ratio = summary.ratio(told, without)
        rows.append(
            [
                *(name.partition("_")[0], f"{clients}"),
                *(f"{summary.median_of(key, 'per_second'):,.0f}" for key in (without, told)),
                f"{ratio:.2f}",
                *(f"{summary.cpu_ms(key):.2f}" for key in (without, told)),
            ]
        )
    header = (
        *("what", "clients", "a second", "with a listener", "ratio"),
        *("CPU of the server for each, ms", "with a listener"),
    )
    return table(header, rows)


def telling_table(result: Result) -> str:
    """How late events came, by how many orders there were in a second."""
    rows = [
        [
            *(f"{one['rate']:,}", f"{one['per_second']:,.0f}"),
            *(f"{one[part] / 1_000:,.2f}" for part in ("p50", "p95", "p99", "max")),
            *(f"{one['waiting']:,}", f"{one['cpu_relay']:.2f}"),
            "" if one["cpu_database"] is None else f"{one['cpu_database']:.2f}",
        ]
        for one in result["telling"]
    ]
    header = (
        *("orders a second", "written", "p50, s", "p95, s", "p99, s", "at most, s"),
        *("waiting at the end", "cores: relay", "database"),
    )
    return table(header, rows, numbers_from=0)


def variants_table(
    summary: Summary, variants: Sequence[str], title_of: Callable[[str], str]
) -> str:
    """What each variant does in a second, and its ratio to the first one within rounds."""
    columns = [key[:2] for key in summary.keys if key[2] == variants[0]]
    rows = []
    for variant in variants:
        row = [variant]
        for scenario, clients in columns:
            key = (scenario, clients, variant)
            ratio = summary.ratio(key, (scenario, clients, variants[0]))
            row.append(f"{summary.median_of(key, 'per_second'):,.0f} ({ratio:.2f})")
        rows.append(row)
    titles = [f"{title_of(scenario)}: {clients}" for scenario, clients in columns]
    return table(("a second (to the first), by clients", *titles), rows)


def waits_table(result: Result, variants: Sequence[str]) -> str:
    """What commits wait for, how long and how often in a second, and the cores in use (medians)."""
    summary = Summary(result)
    times: dict[tuple[str, int, str], dict[str, list[tuple[float, float]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in result["waits"]:
        key = (one["scenario"], one["clients"], one["variant"])
        times[key][one["what"]].append((one["each"], one["per_second"]))
    whats = sorted({one["what"] for one in result["waits"]})
    rows = []
    for (scenario, clients, variant), found in times.items():
        if variant in variants:
            cells = []
            for what in whats:
                each, often = (median(part) for part in zip(*found[what], strict=True))
                cells.append(f"{each:.2f} ms × {often:,.0f}" if often else "")
            key = (scenario, clients, variant)
            cores = (summary.cores(key, what) for what in ("server", "database"))
            rows.append([scenario.partition("_")[0], f"{clients}", variant, *cells, *cores])
    return table(("what", "clients", "on", *whats, "cores: server", "database"), rows)


def losses_table(result: Result) -> str:
    """What each cut took."""
    rows = [
        [one["variant"], one["cut"], *(f"{one[what]:,}" for what in ("told", "lost", "unlike"))]
        for one in result["losses"]
    ]
    header = ("set so", "cut", "coupons told of", "of these lost", "nodes with other books")
    return table(header, rows, numbers_from=2)
