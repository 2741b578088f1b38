"""Put one-line faults into modules, one after the other, and list those that no test notices.

    python -m scripts.mutants products/services/stock.py ecommerce/audit    (make mutants PATHS=…)
    python -m scripts.mutants --check

mutmut makes the faults and runs the tests of the modules on SQLite: those beside the module, or
those that `TESTS` names. All happens in a copy below `build/`, within `MINUTES`. Of the faults that
no test noticed, those that `scripts/mutants.toml` lists with a reason are counted; the others are
printed, and make the exit status 1. `--check` holds that list against the code (scripts/lint does).
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "scripts" / "mutants.toml"
COPY = ROOT / "build" / "mutants"
BIN = Path(sys.executable).parent
NOTICED = {"killed", "timeout", "caught by type check"}
NOT_FAULTS = [
    r"^\s*raise (Type|Value|Runtime)Error\(",  # what is said of a bug
    r"^\s*logger\.",
    r'^\s*_\("',
    r'_deed|deed="',
]
"""Lines (regex) in which a fault is none that anybody would notice."""


@dataclass(frozen=True)
class Fault:
    """Lines of a file as they are, and as they would be; blanks around them are no matter."""

    file: str
    was: str
    becomes: str

    def __str__(self) -> str:
        said = {"file": self.file, "was": self.was, "becomes": self.becomes, "why": ""}
        lines = (
            f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in said.items()
        )
        return "\n".join(["[[survivor]]", *lines])


def listed() -> dict[Fault, str]:
    """The faults that need no test, and why."""
    entries = tomllib.loads(LIST.read_text())["survivor"]
    return {Fault(one["file"], one["was"], one["becomes"]): one["why"] for one in entries}


def stale(entries: Mapping[Fault, str], root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the list: faults of lines that are gone, or without a reason."""
    for fault, why in entries.items():
        path = root / fault.file
        code = _plain(path.read_text()) if path.exists() else ""
        if _plain(fault.was) not in code:
            yield f"{fault.file} has no such line any more: {fault.was}"
        if not why.strip():
            yield f"{fault.file}: no reason is given for {fault.becomes}"


def _plain(code: str) -> str:
    return "\n".join(line.strip() for line in code.strip().splitlines())


def beside(path: str) -> list[str]:
    """Where the tests of a module are."""
    app, *rest = Path(path).parts
    nearest = Path(app, "tests", *rest[:1])
    for folder in (nearest, Path(app, "tests")):
        if (ROOT / folder).is_dir():
            return [str(folder)]
    raise SystemExit(f"{path} has no tests beside it: name them, TESTS='…'")


def run(paths: Sequence[str], *, tests: Sequence[str], minutes: float) -> int:
    """Look for faults of the modules that no test notices; the exit status."""
    _copy(paths, tests)
    database = COPY / "fresh.sqlite3"
    environment = os.environ | {
        "SECRET_KEY": "only-for-tests-0123456789-0123456789-0123456789",
        "READ_DOT_ENV": "0",
        "TEST_SQLITE": str(COPY / "test.sqlite3"),
        "FRESH_SQLITE": str(database),
        "PYTHONPATH": str(COPY / "plugins"),
    }
    environment.pop("DATABASE_URL", None)
    made = [str(BIN / "pytest"), "-q", "-p", "no:cacheprovider", "--reuse-db"]
    made += ["ecommerce/tests/audit/test_audit.py::test_an_empty_shop_has_no_violations"]
    subprocess.run(made, cwd=COPY, env=environment, check=True)
    with sqlite3.connect(COPY / "test.sqlite3") as used, sqlite3.connect(database) as fresh:
        used.backup(fresh)
    command = [str(BIN / "mutmut"), "run", "--max-children", "1"]
    try:
        subprocess.run(command, cwd=COPY, env=environment, timeout=60 * minutes, check=False)
    except subprocess.TimeoutExpired:
        print(f"\nAfter {minutes} minutes: not all faults were tried.")
    return _report(paths)


def _copy(paths: Sequence[str], tests: Sequence[str]) -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in files.split("\0"):
        if name and (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)
    (COPY / "plugins").mkdir()
    (COPY / "plugins" / "fresh_database.py").write_text(FRESH_DATABASE)
    modules = [f"{path}/*" if (ROOT / path).is_dir() else path for path in paths]
    tests = tests or list(dict.fromkeys(one for path in paths for one in beside(path)))
    settings = {
        "source_paths": sorted({Path(path).parts[0] for path in paths}),
        "only_mutate": modules,
        "do_not_mutate": ["*/tests/*", "*/migrations/*"],
        "do_not_mutate_patterns": NOT_FAULTS,
        "also_copy": sorted({name.split("/")[0] for name in files.split("\0") if name}),
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "fresh_database", "--reuse-db"],
        "pytest_add_cli_args_test_selection": tests,
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    with (COPY / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())


FRESH_DATABASE = '''"""Each run begins with the database of before all faults."""

import os
import shutil
from pathlib import Path


def pytest_configure() -> None:
    for ending in ("-wal", "-shm", "-journal"):
        Path(os.environ["TEST_SQLITE"] + ending).unlink(missing_ok=True)
    shutil.copy(os.environ["FRESH_SQLITE"], os.environ["TEST_SQLITE"])
'''


def _report(paths: Sequence[str]) -> int:
    told = subprocess.run(
        [BIN / "mutmut", "results", "--all", "true"],
        cwd=COPY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    states = dict(re.findall(r"^ +(\S+): (.+)$", told, re.M))
    reasons = listed()
    unlisted: list[Fault] = []
    for name, state in states.items():
        if state not in NOTICED and state != "not checked":
            fault = _fault(name)
            if fault not in reasons:
                unlisted.append(fault)
    counts = Counter(states.values())
    for fault in unlisted:
        print(f"\n{fault}")
    print(f"\n{' '.join(paths)}: {dict(counts)}; not noticed and not listed: {len(unlisted)}.")
    return 1 if unlisted else 0


def _fault(name: str) -> Fault:
    told = subprocess.run(
        [BIN / "mutmut", "show", name], cwd=COPY, capture_output=True, text=True, check=True
    ).stdout
    lines = [line for line in told.splitlines() if not line.startswith(("+++", "---"))]
    file = re.search(r"^--- (\S+)", told, re.M)
    was, becomes = (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Fault(file[1] if file else name, was, becomes)


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        faults = list(stale(listed()))
        for fault in faults:
            print(fault, file=sys.stderr)
        return 1 if faults else 0
    if not sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    tests = os.environ.get("TESTS", "").split()
    return run(sys.argv[1:], tests=tests, minutes=float(os.environ.get("MINUTES") or 20))


if __name__ == "__main__":
    sys.exit(main())
