"""From the figures of a run to the page: docs/benchmarks/peers.md."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.bench.config import DEFAULT_OUTPUT
from benchmarks.bench.report import between_marks
from benchmarks.bench.summary import Summary, table
from benchmarks.peers.systems import BY_NAME, ISSUE, LOADS, SHOP, SYSTEMS

NAME = "peers"
PAGE = f"{NAME}.md"
TITLES = {
    "yardstick": "authenticated, does nothing",
    "issue": "issue a coupon",
    "sold_out": "refused: sold out",
    "product_list": "20 of {products:,} products",
    "product_detail": "one product",
    "top_products": "top five of 3 days",
}
BUSY_CORES = 0.25
"""What other programs may take of a machine that is called quiet."""
ALIKE = 0.05
"""Ratios as close to 1 as this are no difference."""

Result = Mapping[str, Any]


class Figure(NamedTuple):
    """One load on one system with so many clients."""

    load: str
    clients: int
    system: str
    per_second: float
    """The median of the rounds."""
    lowest: float
    highest: float
    ratio: float | None
    """The shop's to this one's: the median of the ratios within rounds."""
    cpu: float
    """Of the server's own processes and MySQL, for each answer (µs)."""


def figures(result: Result) -> list[Figure]:
    """All figures of the run, loads and systems in the order of the page."""
    summary = Summary(result)
    found = []
    for load, clients, system in _keys(summary):
        key = (load, clients, system)
        rates, server, database = (
            summary.of_rounds(key, what) for what in ("per_second", "cpu_server", "cpu_database")
        )
        spent = zip(rates, server, database, strict=True)
        cpu = median((one + (other or 0)) / rate * 1e6 for rate, one, other in spent)
        ratio = summary.ratio((load, clients, SHOP), key)
        found.append(Figure(*key, median(rates), min(rates), max(rates), ratio, cpu))
    return found


def _keys(summary: Summary) -> Iterator[tuple[str, int, str]]:
    clients = sorted({key[1] for key in summary.keys})
    for load in LOADS:
        for system in SYSTEMS:
            for many in clients:
                if summary.has(load, many, system.name):
                    yield load, many, system.name


def write_page(folder: Path) -> None:
    """Renew what the page has between its marks, if the folder has the figures of a run."""
    source = folder / f"{NAME}.json"
    if not source.exists():
        return
    result = json.loads(source.read_text(encoding="utf-8"))
    text = (DEFAULT_OUTPUT / PAGE).read_text(encoding="utf-8")
    for name, part in parts(result).items():
        text = between_marks(text, name, part)
    (folder / PAGE).write_text(text, encoding="utf-8")


def parts(result: Result) -> dict[str, str]:
    """What stands between the page's marks, by their names."""
    found = figures(result)
    return {
        "about": _about(result),
        "figures": figures_table(result, found),
        "comparison": comparison(result, found),
        "exactness": exactness(result),
        "losses": losses(result),
        "why": why(result, found),
    }


def _about(result: Result) -> str:
    about = result["about"]
    machine, asked, versions = about["machine"], about["asked"], about["versions"]
    made_of = ", ".join(f"{name} {version}" for name, version in about["peers"].items())
    parts = [
        f"Measured {about['when'][:10]} at commit `{about['commit']}`, on {machine['cores']} cores"
        f" ({machine['cpu']}), {machine['memory_gib']} GiB; {versions['database']},"
        f" Python {versions['Python']}; {made_of}. {about['server']['WORKERS']} processes each;"
        f" {asked['rounds']} rounds of {asked['seconds']} s for each figure."
    ]
    if about["missing"]:
        parts.append(f"Left out, for want of it: {', '.join(about['missing'])}.")
    return " ".join([*parts, busyness(result)])


def busyness(result: Result) -> str:
    """What other programs took of the machine, while it was the shop's turn."""
    cores = _cores_of_others(result)
    told = f"Other programs took {median(cores):.2f} cores meanwhile, {max(cores):.2f} at most"
    if not is_busy(result):
        return f"{told}."
    return (
        f"{told}: **the machine was busy**. The rates are of what it left over, and whoever runs"
        " more threads gets more of that: only the CPU for an answer can be compared. What you"
        " go by measure on a quiet machine."
    )


def is_busy(result: Result) -> bool:
    """Whether other programs took so much that rates can't be compared."""
    return median(_cores_of_others(result)) > BUSY_CORES


def _cores_of_others(result: Result) -> list[float]:
    return [m["cpu_others"] for m in result["measurements"] if m["variant"] == SHOP]


def figures_table(result: Result, found: Sequence[Figure]) -> str:
    """All figures: a row for each load and system, the numbers of clients side by side."""
    clients = sorted({figure.clients for figure in found})
    by_key = {(f.load, f.system, f.clients): f for f in found}
    header = ["", "", *(f"{n} clients | spread | shop to it" for n in clients), "CPU, µs"]
    rows = []
    before = ""
    for load, system in dict.fromkeys((f.load, f.system) for f in found):
        cells = [_title(result, load) if load != before else "", BY_NAME[system].title]
        for many in clients:
            cells += _cells(by_key.get((load, system, many)))
        fewest = next(f for f in found if (f.load, f.system) == (load, system))
        rows.append([*cells, f"{fewest.cpu:,.0f}"])
        before = load
    return table(" | ".join(header).split(" | "), rows, numbers_from=2)


def _cells(figure: Figure | None) -> list[str]:
    if figure is None:
        return ["", "", ""]
    spread = f"{figure.lowest:,.0f}–{figure.highest:,.0f}"
    ratio = "" if figure.system == SHOP or figure.ratio is None else f"{figure.ratio:.2f} ×"
    return [f"{figure.per_second:,.0f}", spread, ratio]


def _title(result: Result, load: str) -> str:
    return TITLES[load].format(products=result["about"]["asked"]["products"])


def comparison(result: Result, found: Sequence[Figure]) -> str:
    """In words where the shop is slower, alike and quicker; on a busy machine by CPU alone."""
    slower, alike, quicker = [], [], []
    for load, system in dict.fromkeys((f.load, f.system) for f in found):
        ratios = _ratios(result, [f for f in found if f.load == load], system)
        if system == SHOP or not ratios:
            continue
        told = " and ".join(f"{ratio:.2f}" for ratio in ratios)
        line = f"{_title(result, load)}: {told} × {BY_NAME[system].title}"
        if all(ratio > 1 + ALIKE for ratio in ratios):
            quicker.append(line)
        elif any(ratio < 1 - ALIKE for ratio in ratios):
            slower.append(line)
        else:
            alike.append(line)
    clients = " and ".join(str(many) for many in sorted({f.clients for f in found}))
    by = "answers for each second of CPU" if is_busy(result) else "answers in a second"
    return "\n\n".join(
        f"{name} ({by}, with {clients} clients):\n\n" + "\n".join(f"- {line}" for line in lines)
        for name, lines in (("Slower", slower), ("Alike", alike), ("Quicker", quicker))
        if lines
    )


def _ratios(result: Result, found: Sequence[Figure], system: str) -> list[float]:
    """The shop's to the system's, by the numbers of clients."""
    if not is_busy(result):
        return [f.ratio for f in found if f.system == system and f.ratio]
    of_shop = {f.clients: f.cpu for f in found if f.system == SHOP}
    return [
        f.cpu / of_shop[f.clients] for f in found if f.system == system and f.clients in of_shop
    ]


def exactness(result: Result) -> str:
    """How many of those who asked at once got one, and whether the books say the same."""
    rows = [
        [
            BY_NAME[one["system"]].title,
            *(f"{one[name]:,}" for name in ("asked", "told", "refused", "in_the_books")),
            "yes" if one["exact"] else "**no**",
        ]
        for one in result["exactness"]
    ]
    header = ("for 30 coupons", "asked at once", "got one", "refused", "rows in MySQL", "exact")
    return table(header, rows)


def losses(result: Result) -> str:
    """What a kill and a power cut take from each."""
    rows = []
    for loss in result["losses"]:
        rows.append(
            [
                _loser(loss),
                CUTS[loss["cut"]],
                *(f"{loss[name]:,}" for name in ("told", "lost", "given_again")),
            ]
        )
    return table(("", "", "told", "not in the books", "numbers given again"), rows, numbers_from=2)


CUTS = {"kill": "killed", "power": "power cut"}
FSYNC = {"everysec": "each second", "always": "always"}


def why(result: Result, found: Sequence[Figure]) -> str:
    """What the run's own figures say for the shop, and where they end."""
    return "\n".join(
        f"- {line}" for line in (*_behind(result), *_lost(result), *_limits(result, found))
    )


def _behind(result: Result) -> Iterator[str]:
    if result["drains"]:
        yield (
            "**What the shop tells is a row in MySQL by then.** The writer behind Redis was done up"
            f" to {max(result['drains']):.1f} s after the last answer of a load: so long neither"
            " support nor an order sees the coupon."
        )


def _lost(result: Result) -> Iterator[str]:
    of_shop = [loss for loss in result["losses"] if loss["system"] == SHOP]
    told, lost = (sum(loss[name] for loss in of_shop) for name in ("told", "lost"))
    yield f"**Killed in the middle, the shop lost {lost:,} of {told:,} coupons** that it had told."
    for loss in result["losses"]:
        if loss["system"] != SHOP and loss["lost"] + loss["given_again"]:
            yield (
                f"{_loser(loss)}, {CUTS[loss['cut']]}, lost {loss['lost']:,} of {loss['told']:,},"
                f" and would give {loss['given_again']:,} of their numbers to others."
            )


def _loser(loss: Mapping[str, Any]) -> str:
    store = f", which writes {FSYNC[loss['fsync']]}" if loss["fsync"] else ""
    return BY_NAME[loss["system"]].title + store


def _limits(result: Result, found: Sequence[Figure]) -> Iterator[str]:
    if is_busy(result):
        return
    coupons = [f for f in found if f.load == ISSUE and f.system != SHOP]
    locks, counters = (
        [f.ratio for f in coupons if f.ratio and BY_NAME[f.system].counts_in_redis is in_redis]
        for in_redis in (False, True)
    )
    if locks:
        yield (
            "Of those who answer after the commit it issues"
            f" {min(locks):.1f} to {max(locks):.1f} × as many coupons as a row lock for each."
        )
    if counters and min(counters) < 1:
        yield (
            "**Who needs more coupons in a second than the shop issues here**, and can live with a"
            f" second store and rows that follow, gets up to {1 / min(counters):.1f} × as many from"
            " a counter in Redis."
        )
