"""Every read on millions of rows: its statements, their plans, and its time over HTTP.

    python -m benchmarks.queries            # all of it, on MySQL in a container
    python -m benchmarks.queries --help     # other sizes, another database, a database that is kept

Renews the figures of docs/benchmarks/queries.md, writes the plans beside it, and exits 1 when a
plan of the API reads a whole table.
"""

import argparse
import http.client
import json
import os
import platform
import re
import secrets
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.bench.about import commit
from benchmarks.bench.report import between_marks
from benchmarks.stack import REPOSITORY, Database, database, environment, manage, server

REPORT = REPOSITORY / "docs" / "benchmarks" / "queries.md"
REQUESTS = 60
WARM_UP = 4
WORKERS_WARM = 40
SECONDS = 1.5
"""How long one read is repeated at most."""
LARGE = {"members": 12_000, "products": 1_000_000, "coupons": 5_000, "orders": 470_000}
SMALL = {"members": 1_000, "products": 10_000, "coupons": 100, "orders": 4_700}
ENTRIES = {"large": 100_000, "small": 1_000}
GROWING = re.compile(r"Table scan on (?:products|orders|users|coupons|stats)_\w+")
STEP = re.compile(r"actual time=\S+ rows=([\d.e+]+) loops=(\d+)")

Timing = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shop:
    """A filled database, what it is asked, and how long the answers took (ms: p50, p95)."""

    size: str
    facts: dict[str, Any]
    timings: dict[str, Timing]


# --- Filling and asking -------------------------------------------------------------------------


def fill(db: Database, sizes: dict[str, int]) -> str:
    """Migrate, and seed what an empty database lacks; the seeding's own words."""
    manage(db, "migrate", "--verbosity", "0")
    if manage(db, "shell", "-v0", "-c", PRODUCTS).strip() != "0":
        return ""
    said = [manage(db, "seed", f"--{name}", str(size)) for name, size in sizes.items() if size]
    return "".join(line for text in said for line in text.splitlines(True) if "Added" in line)


PRODUCTS = "from products.models import Product; print(int(Product.objects.exists()))"


def facts_of(db: Database, *, entries: int, plans: bool) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.reads"],
        cwd=REPOSITORY,
        env=environment(db, DATABASE_TIMEOUT_SECONDS="0"),
        input=json.dumps({"entries": entries, "plans": plans}),
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def timings_of(db: Database, facts: dict[str, Any]) -> dict[str, Timing]:
    """Each read, one request after the other, on a connection that is kept."""
    timings = {}
    with server(db, DATABASE_TIMEOUT_SECONDS="60") as shop:
        address = urlsplit(shop.url)
        for _ in range(WORKERS_WARM):  # each worker has connected, and imported what it needs
            urllib.request.urlopen(shop.url + facts["reads"][0]["path"], timeout=60).close()
        for read in facts["reads"]:
            wire = http.client.HTTPConnection(str(address.hostname), address.port, timeout=120)
            taken = list(_times(wire, read["path"], facts["headers"][read["who"]]))
            wire.close()
            taken.sort()
            p95 = taken[min(len(taken) - 1, round(0.95 * len(taken)))]
            timings[read["name"]] = (statistics.median(taken), p95)
    return timings


def _times(wire: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> Iterator[float]:
    """Milliseconds of each request."""
    until = time.monotonic() + SECONDS
    for number in range(WARM_UP + REQUESTS):
        started = time.perf_counter()
        wire.request("GET", path, headers=headers)
        answer = wire.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        if number >= WARM_UP or time.monotonic() > until:
            yield 1000 * (time.perf_counter() - started)
        if time.monotonic() > until:
            return


# --- Telling ------------------------------------------------------------------------------------


def write_report(shops: list[Shop], page: Path) -> None:
    """Renew what the page has between its marks, or write all; the plans into a file beside it."""
    large = shops[-1]
    times = "\n".join([_machine(large), _table(shops).rstrip()])
    page.parent.mkdir(parents=True, exist_ok=True)
    marked = (
        page.read_text(encoding="utf-8")
        if page.exists()
        else "<!-- begin times --><!-- end times -->"
    )
    page.write_text(between_marks(marked, "times", times), encoding="utf-8")
    plans = "\n".join(_plans(one) for one in large.facts["observed"])
    page.with_suffix(".plans.txt").write_text(plans, encoding="utf-8")


def _machine(shop: Shop) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}; {os.cpu_count()} cores of"
        f" {platform.machine()} for the server, the database and the requests alike;"
        f" {shop.facts['version']}, Python {platform.python_version()}."
        " One request after the other over HTTP,"
        f" up to {REQUESTS} of each; p50 / p95 in milliseconds.\n"
    )


def _table(shops: list[Shop]) -> str:
    large = shops[-1]
    observed = {one["read"]["name"]: one for one in large.facts["observed"]}
    sizes = " | ".join(f"{_lines(shop):,} lines" for shop in shops)
    rows = [
        f"| read | statements | most rows at a step | {sizes} |",
        "|---|--:|--:|" + "--:|" * len(shops),
    ]
    for read in large.facts["reads"]:
        one = observed[read["name"]]
        times = " | ".join(_time(shop.timings, read["name"]) for shop in shops)
        rows.append(f"| {read['name']} | {len(one['statements'])} | {_most(one):,} | {times} |")
    rows.append("")
    for shop in shops:
        counted = ", ".join(f"{name} {n:,}" for name, n in sorted(shop.facts["rows"].items()))
        rows.append(f"Rows, {shop.size}: {counted}.\n")
    return "\n".join(rows)


def _lines(shop: Shop) -> int:
    lines: int = shop.facts["rows"]["orders_orderitem"]
    return lines


def _time(timings: dict[str, Timing], name: str) -> str:
    """A page that the smaller shop has not got is not in its table."""
    same = timings.get(name) or timings.get(re.sub(r", page .*", "", name))
    return f"{same[0]:.1f} / {same[1]:.1f}" if same else "–"


def _most(one: dict[str, Any]) -> int:
    """The most rows that any step of its plans gave on."""
    steps = [STEP.findall(plan) for plan in one["plans"]]
    return max(
        (round(float(rows) * int(loops)) for step in steps for rows, loops in step), default=0
    )


def _plans(one: dict[str, Any]) -> str:
    read = one["read"]
    path = re.sub(r"cursor=[\w-]+", "cursor=…", read["path"])
    text = [f"== {read['name']}: GET {path}\n"]
    text += [_readable(plan) + "\n" for plan in one["plans"]]
    return "\n".join(text)


def _readable(plan: str) -> str:
    """A plan without the escapes and casts that only make it wide."""
    plan = plan.replace("\\n", "\n").rstrip()
    plan = re.sub(r"  \(cost=\S+ rows=\S+\)", "", plan)
    return "\n".join(line if len(line) < 220 else line[:219] + "…" for line in plan.splitlines())


def growing(shop: Shop) -> list[str]:
    """Reads of the API with a plan that reads a whole table."""
    return [
        f"{one['read']['name']}: {found[0]}"
        for one in shop.facts["observed"]
        if one["read"]["who"] != "staff"
        for plan in one["plans"]
        if (found := GROWING.findall(plan)) and "coupons_coupon" not in found[0]
    ]


# --- The command --------------------------------------------------------------------------------


@contextmanager
def _databases(kind: Any, url: str | None) -> Iterator[dict[str, Database]]:
    """A small and a large one, of the same server; SQLite has two files."""
    with nullcontext(Database(kind, url)) if url else database(kind) as db:
        yield {"small": replace(db, url=_small(db)), "large": db}


def _small(db: Database) -> str:
    if db.kind == "sqlite":
        return db.url + ".small"
    with closing(db.connect()) as connection:
        connection.query("CREATE DATABASE IF NOT EXISTS shop_small")
    return db.url.rsplit("/", 1)[0] + "/shop_small"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kind", choices=["mysql", "mariadb", "sqlite"], default="mysql")
    parser.add_argument("--database-url", help="a database to use, filled unless it has products")
    parser.add_argument("--scale", type=float, default=1.0, help="of the large one; 0.01 to try it")
    parser.add_argument("--output", type=Path, default=REPORT)
    options = parser.parse_args()
    os.environ.setdefault("SECRET_KEY", secrets.token_hex(32))  # tokens are made and read by it
    shops = []
    with _databases(options.kind, options.database_url) as databases:
        for size, db in databases.items():
            scale = options.scale if size == "large" else 1
            wanted = SMALL if size == "small" else LARGE
            print(
                fill(db, {name: int(n * scale) for name, n in wanted.items()}), end="", flush=True
            )
            entries = int(ENTRIES[size] * scale)
            facts = facts_of(db, entries=entries, plans=size == "large")
            shops.append(Shop(size, facts, timings_of(db, facts)))
            print(f"{size}: {len(facts['reads'])} reads timed", flush=True)
    write_report(shops, options.output)
    whole = growing(shops[-1]) if options.kind == "mysql" else []
    for line in whole:
        print(f"reads a whole table: {line}", file=sys.stderr)
    return int(bool(whole))


if __name__ == "__main__":
    sys.exit(main())
