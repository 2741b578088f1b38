"""On what, with what and from which commit a run was made: what a reader needs to judge it."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.bench import generator
from benchmarks.stack import REPOSITORY

if TYPE_CHECKING:
    from benchmarks.bench.config import Config
    from benchmarks.bench.session import Session

PACKAGES = ("Django", "djangorestframework", "granian", "mysqlclient")


def about(config: "Config", session: "Session") -> Mapping[str, Any]:
    """The machine, without its name; versions; the commit; and what was asked for."""
    return {
        "when": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "commit": commit(),
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "system": f"{platform.system()} {platform.release().split('-')[0]}",
        },
        "versions": {
            "database": session.shop.database,
            "Python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
            "generator": generator.version(),
        },
        "server": {name: session.variables[name] for name in ("WORKERS",)},
        "asked": {
            "database": config.database,
            "seconds": config.seconds,
            "rounds": config.rounds,
            "members": config.members,
            "products": config.products,
            "direct": "127.0.0.1" not in session.db.url,
        },
    }


def is_changed() -> bool:
    """Whether the code differs from its commit."""
    return bool(_git("status", "--porcelain", "--untracked-files=no", "--", ":!docs/benchmarks"))


def commit() -> str:
    """The commit that is measured."""
    return _git("rev-parse", "--short=12", "HEAD") + (" with changes" if is_changed() else "")


def _git(*arguments: str) -> str:
    git = ["git", *arguments]
    done = subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip()


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
