"""`make bench`: load the shop from outside and say what it does in a second.

BENCH picks what is run:

    full      every endpoint at 1 to 128 clients, the raw limit, and the seed's own load test
    scaling   coupons and orders against clients (1 to 512) and server processes (1 to 4)
    rows      coupons, orders and best sellers against the rows there are
    events    coupons and orders with and without a listener, and how late the relay tells
    cluster   coupons and orders on three nodes against one, reads of the secondaries, what is lost
    peers     the shop beside FastAPI and Fastify, with Redis and with MySQL
    quick     everything once and briefly: does it work? Nothing is kept, no time is judged
    report    no load: only make the tables and plots anew

See docs/benchmarks/README.md for the other variables.
"""

import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.bench import report, runs
from benchmarks.bench.about import is_changed
from benchmarks.bench.config import DEFAULT_OUTPUT, Config, WrongConfig, read_config
from benchmarks.bench.generator import NoGenerator, ensure_generator
from benchmarks.bench.session import BenchFailed
from benchmarks.peers.page import write_page
from benchmarks.peers.run import run_peers
from benchmarks.stack import engine_answers


def main() -> int:
    # So that a `kill`, too, ends the servers and the database's container.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        config = read_config()
        if config.what == "report":
            report.write_report(config.output)
            write_page(config.output)
            return 0
        _ensure_committed(config)
        ensure_generator()
        _ensure_engine(config)
        if config.what == "quick":
            with tempfile.TemporaryDirectory() as folder:
                run_quick(config, Path(folder))
        elif config.what == "peers":
            run_peers(config)
            write_page(config.output)
        else:
            RUNS[config.what](config)
            report.write_report(config.output)
    except (WrongConfig, NoGenerator, BenchFailed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _ensure_engine(config: Config) -> None:
    if config.database != "sqlite" and not engine_answers():
        raise WrongConfig("no Docker Engine answers; BENCH_DATABASE=sqlite needs none")


def _ensure_committed(config: Config) -> None:
    """Published figures are those of a commit: else nobody can tell of what they are."""
    if config.what != "quick" and config.output == DEFAULT_OUTPUT and is_changed():
        raise WrongConfig("there are uncommitted changes: commit them, or set BENCH_OUTPUT")


RUNS = {
    "full": runs.run_full,
    "scaling": runs.run_scaling,
    "rows": runs.run_rows,
    "events": runs.run_events,
    "cluster": runs.run_cluster,
}


def run_quick(config: Config, folder: Path) -> None:
    """All that `full` does, briefly, and the report of it; raises BenchFailed."""
    config.output = folder
    runs.run_full(config)
    report.write_report(folder)
    missing = [name for name in report.files_of("full") if not (folder / name).stat().st_size]
    if missing:
        raise BenchFailed(f"empty: {missing}")
    print("bench: everything works; the figures of so short a run mean nothing and are not kept")


if __name__ == "__main__":
    sys.exit(main())
