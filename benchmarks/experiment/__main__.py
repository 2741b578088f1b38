"""`make experiment`: start the databases one after the other, run the rushes, draw and write it up.

EXPERIMENT=quick is the short form for checks: the seed's own sizes, once, on SQLite and MySQL, into
a temporary folder. EXPERIMENT_DATABASES picks databases ("mysql mariadb sqlite"), and
EXPERIMENT_PARTS parts ("seed thousand order losses"); what was measured before is kept beside it.
EXPERIMENT=draw measures nothing and draws what is stored.
A database that cannot be started is named and left out; with REQUIRE_MYSQL=1 MySQL may not be.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docker.errors import DockerException

from benchmarks.experiment.plots import write_plots
from benchmarks.experiment.report import promises_exact, races_of, write_tables
from benchmarks.stack import IMAGES, REPOSITORY, Database, Kind, database, environment, manage

DATABASES: dict[str, tuple[Kind, ...]] = {
    "quick": ("sqlite", "mysql"),
    "full": ("mysql", "mariadb", "sqlite"),
}
PARTS = {"quick": "seed", "full": "seed thousand order losses"}
MEMBERS = 1_000
DOCUMENTS = REPOSITORY / "docs"
STORED = Path("benchmarks/experiment.json")
MEASURE = "benchmarks.experiment.on_database"


def main() -> int:
    form = os.environ.get("EXPERIMENT") or "full"
    if form == "draw":
        _draw(json.loads((DOCUMENTS / STORED).read_text(encoding="utf-8")), DOCUMENTS)
        return 0
    if form not in DATABASES:
        print(f"EXPERIMENT is quick, full or draw, not {form!r}", file=sys.stderr)
        return 2
    wanted = os.environ.get("EXPERIMENT_DATABASES", "").split() or DATABASES[form]
    if unknown := set(wanted) - set(DATABASES["full"]):
        print(f"no such database: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    results: dict[str, Any] = {}
    for kind in (kind for kind in DATABASES["full"] if kind in wanted):
        try:
            with database(kind, in_memory=form == "quick") as db:
                results[kind] = _run_on(db, form)
        except DockerException as error:
            reason = str(error).splitlines()[0]
            print(f"{kind}: NOT MEASURED, {IMAGES[kind]} cannot be started: {reason}", flush=True)
    documents = DOCUMENTS if form == "full" else Path(tempfile.mkdtemp())
    if results:
        _write(documents, results)
    missing = "mysql" in wanted and "mysql" not in results
    required = os.environ.get("REQUIRE_MYSQL") == "1"
    return int(not results or (missing and required)) | _say_what_is_not_exact(results)


def _run_on(db: Database, form: str) -> dict[str, Any]:
    print(f"{db.kind}:", flush=True)
    parts = (os.environ.get("EXPERIMENT_PARTS") or PARTS[form]).split()
    manage(db, "migrate", "--verbosity", "0")
    manage(db, "seed", "--members", str(MEMBERS), "--products", "1")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "result.json"
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", MEASURE, form, db.kind, str(target), *parts],
            cwd=REPOSITORY,
            env=environment(db, LOG_LEVEL="ERROR"),
            check=True,
        )
        manage(db, "audit")  # raises when the shop's own books do not add up afterwards
        result: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        return result


def _write(documents: Path, results: dict[str, Any]) -> None:
    """Store the results, then draw from what is stored."""
    target = documents / STORED
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.environ.get("EXPERIMENT_DATABASES") or os.environ.get("EXPERIMENT_PARTS"):
        before = (
            json.loads(target.read_text(encoding="utf-8"))["databases"] if target.exists() else {}
        )
        results = before | {kind: before.get(kind, {}) | new for kind, new in results.items()}
    whole = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "databases": {kind: results[kind] for kind in DATABASES["full"] if kind in results},
    }
    target.write_text(json.dumps(whole, separators=(",", ":")) + "\n", encoding="utf-8")
    _draw(whole, documents)


def _draw(whole: dict[str, Any], documents: Path) -> None:
    tables, plots = (documents / STORED).with_suffix(".md"), documents / "img" / "experiment"
    write_tables(whole, tables)
    write_plots(whole, plots)
    print(f"written: {documents / STORED}, {tables}, {plots}")


def _say_what_is_not_exact(results: dict[str, Any]) -> int:
    broken = [
        f"{kind}: {race['strategy']}, {race['scenario']}: {run}"
        for kind, result in results.items()
        for race in races_of(result)
        for run in race["runs"]
        if promises_exact(result, race["strategy"]) and not run["exact"]
    ]
    for line in broken:
        print(f"NOT EXACT: {line}", file=sys.stderr)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
