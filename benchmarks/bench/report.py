"""The tables and plots of the runs that there are, and the page that shows them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.bench import plots
from benchmarks.bench.group import BESIDE, GROUP, ONE, READS_OF, WAYS
from benchmarks.bench.plots import title_of
from benchmarks.bench.summary import (
    YARDSTICK,
    Key,
    Result,
    Summary,
    Target,
    events_table,
    figures_table,
    losses_table,
    table,
    targets,
    targets_table,
    telling_table,
    variants_table,
    waits_table,
)

PLOTS: Mapping[str, tuple[Callable[[Summary, Path], None], Sequence[str]]] = {
    "full": (plots.plot_full, ("throughput.png", "times.png", "cpu.png")),
    "scaling": (plots.plot_scaling, ("clients.png", "processes.png")),
    "rows": (plots.plot_rows, ("rows.png",)),
    "events": (lambda summary, folder: None, ()),
    "cluster": (lambda summary, folder: None, ()),
}


def files_of(run: str) -> list[str]:
    """What a run and its report leave in the folder."""
    return [f"{run}.json", *PLOTS[run][1]]


def write_report(folder: Path) -> None:
    """Print all figures, draw the plots, and renew what README.md has between its marks."""
    results = {
        run: json.loads(path.read_text(encoding="utf-8"))
        for run in PLOTS
        if (path := folder / f"{run}.json").exists()
    }
    for run, result in results.items():
        PLOTS[run][0](Summary(result), folder)
    found = targets(results.get("full"), results.get("rows"), results.get("events"))
    _print(results, found)
    page = folder / "README.md"
    if page.exists():
        text = page.read_text(encoding="utf-8")
        for name, part in _parts(results, found).items():
            text = between_marks(text, name, part)
        page.write_text(text, encoding="utf-8")


def _print(results: Mapping[str, Result], found: list[Target]) -> None:
    console = Console(width=160)
    header = (
        *("what", "clients", "a second", "to the yardstick", "p50 ms", "p95 ms", "p99 ms", "503"),
        *("server", "database", "generator", "others", "server, ms for each"),
    )
    for run, result in results.items():
        summary = Summary(result)
        rows = [_row(summary, key) for key in summary.shown()]
        console.print(run, Markdown(table(header, rows)))
    console.print(Markdown(targets_table(found)))


def _row(summary: Summary, key: Key) -> tuple[str, ...]:
    scenario, clients, variant = key
    ratio = summary.ratio(key, (YARDSTICK, clients, variant))
    return (
        title_of(scenario) + (f", {variant}" if variant else ""),
        *(f"{clients}", f"{summary.median_of(key, 'per_second'):,.0f}"),
        "" if ratio is None else f"{ratio:.2f}",
        *(f"{summary.median_of(key, what):,.1f}" for what in ("p50", "p95", "p99")),
        f"{sum(summary.of_rounds(key, 'busy'))}",
        *(summary.cores(key, what) for what in ("server", "database", "generator", "others")),
        f"{summary.cpu_ms(key):.2f}",
    )


def _parts(results: Mapping[str, Result], found: list[Target]) -> dict[str, str]:
    parts = {"targets": targets_table(found)}
    for run, result in results.items():
        parts[f"about {run}"] = _about(result)
    if "full" in results:
        parts["figures"] = figures_table(Summary(results["full"]), title_of)
    if "events" in results:
        parts["events"] = events_table(Summary(results["events"]))
        parts["telling"] = telling_table(results["events"])
    if "cluster" in results:
        result = results["cluster"]
        summary, late = Summary(result), result["late"]
        parts["cluster"] = variants_table(summary, (ONE, *WAYS), title_of)
        parts["waits"] = waits_table(result, (ONE, GROUP))
        for name, suffix in (("reads", ""), ("reads beside", f", {BESIDE}")):
            variants = [f"{variant}{suffix}" for variant in READS_OF]
            parts[name] = variants_table(summary, variants, title_of)
        times = (f"{late[name]:.1f} ({name})" for name in ("p50", "p95", "p99", "max"))
        parts["staleness"] = f"Milliseconds, {late['times']:,} times: {', '.join(times)}."
        parts["losses"] = losses_table(result)
    return parts


def _about(result: Result) -> str:
    about = result["about"]
    machine, asked = about["machine"], about["asked"]
    versions = ", ".join(
        value if name in {"database", "generator"} else f"{name} {value}"
        for name, value in about["versions"].items()
    )
    return (
        f"Measured {about['when'][:10]} at commit `{about['commit']}`, on {machine['cores']} cores"
        f" ({machine['cpu']}), {machine['memory_gib']} GiB, {machine['system']}; {versions}."
        f" The server had {about['server']['WORKERS']} processes;"
        f" {asked['rounds']} rounds of {asked['seconds']} s each."
    )


def between_marks(text: str, name: str, part: str) -> str:
    """The page with `part` between the marks of that name, if it has them."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in text or end not in text:
        return text
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    return re.sub(pattern, lambda _: f"{begin}\n{part}\n{end}", text, flags=re.S)
