"""The table that a run ends with, as Markdown."""

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.faults.trial import Result

FAULTS = (
    "fault",
    "database",
    "requests",
    "successes",
    "lost",
    "double",
    "over-issued",
    "errors that clients saw",
    "longest outage",
    "recovered after",
)
STOPS = (
    "stop",
    "database",
    "requests under way",
    "answered",
    "of these successes",
    "done and not told",
    "new ones refused after",
    "ended after the last could go on",
    "exit code",
)

BESIDES = (
    "crowd",
    "database",
    "what it heard",
    "coupon, p95 alone → beside it",
    "order, p95 alone → beside it",
    "`/health/live`, longest",
)


@dataclass(frozen=True, slots=True)
class Beside:
    """A row of the third table: the sale alone and beside a crowd, in turns of one run."""

    title: str
    database: str
    heard: Counter[str]
    coupon: tuple[float, float]
    """Seconds at p95, alone and beside the crowd."""
    order: tuple[float, float]
    live: float
    """Seconds, the longest beside the crowd."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A row of the second table: how the server ended."""

    title: str
    database: str
    under_way: int
    answered: int
    succeeded: int
    unheard: int
    refused_after: float
    """Seconds from the signal."""
    ended_after: float
    """Seconds from when nothing was kept waiting any more."""
    exit_code: int


def render_faults(results: Iterable[Result]) -> list[str]:
    """The lines of the table of faults."""
    return _render(FAULTS, map(_fault_cells, results))


def render_stops(stops: Iterable[Stop]) -> list[str]:
    """The lines of the table of stops."""
    return _render(STOPS, map(_stop_cells, stops))


def render_besides(besides: Iterable[Beside]) -> list[str]:
    """The lines of the table of crowds."""
    return _render(BESIDES, map(_beside_cells, besides))


def _render(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (columns, ("---",) * len(columns), *rows)]


def _beside_cells(row: Beside) -> tuple[str, ...]:
    return (
        row.title,
        row.database,
        ", ".join(f"{count:,} × {what}" for what, count in row.heard.most_common()),
        _change(*row.coupon),
        _change(*row.order),
        f"{row.live * 1000:.0f} ms",
    )


def _change(alone: float, beside: float) -> str:
    return f"{alone * 1000:.0f} → {beside * 1000:.0f} ms ({beside / alone:.1f} x)"


def _stop_cells(stop: Stop) -> tuple[str, ...]:
    return (
        stop.title,
        stop.database,
        *map(str, (stop.under_way, stop.answered, stop.succeeded, stop.unheard)),
        f"{stop.refused_after:.2f} s",
        f"{stop.ended_after:.2f} s",
        str(stop.exit_code),
    )


def _fault_cells(result: Result) -> tuple[str, ...]:
    troubles = ", ".join(f"{count} × {kind}" for kind, count in result.troubles.most_common())
    notes = "; ".join(dict.fromkeys(result.notes))
    return (
        f"{result.fault} ({notes})",
        result.database,
        f"{result.requests:,}",
        f"{result.successes:,}",
        str(len(result.verdict.lost)),
        str(len(result.verdict.doubled)),
        str(len(result.verdict.over_issued)),
        troubles or "none",
        f"{result.longest_outage:.1f} s",
        f"{result.recovered_after:.1f} s",
    )


def describe_machine(databases: Mapping[str, str]) -> str:
    """The machine and the versions that the figures belong to."""
    packages = ("Django", "granian", "mysqlclient")
    return "; ".join(
        (
            f"{os.cpu_count()} CPUs ({_cpu()})",
            f"{platform.system()} {platform.release()}",
            f"Python {platform.python_version()}",
            *(f"{package} {version(package)}" for package in packages),
            *(f"{kind} {number}" for kind, number in databases.items()),
        )
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
