"""What the peers are made of, in folders of their own under build/, in the versions pinned here.

What can't be had is told in one line, and the peers that need it are left out.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.stack import REPOSITORY

PROGRAMS = Path(__file__).parent / "programs"
FOLDER = REPOSITORY / "build" / "peers"
VENV = FOLDER / "venv"
NODE = FOLDER / "node"
PYTHON = VENV / "bin" / "python"
SHOWN = {"fastapi": "FastAPI", "uvicorn": "uvicorn", "asyncmy": "asyncmy", "redis": "redis-py"}
SHOWN |= {"fastify": "Fastify", "ioredis": "ioredis", "mysql2": "mysql2"}
"""Which packages the page names, and how."""
DONE = "done"
"""A file in each folder that was filled to the end."""


def install() -> dict[str, str]:
    """Install what is not there yet; returns what can't be had, by name, and why."""
    steps = {"python": _install_python, "node": _install_node, "redis": _look_for_redis}
    return {name: why for name, step in steps.items() if (why := _tried(step))}


def _tried(step: Callable[[], None]) -> str:
    try:
        step()
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return said.strip().splitlines()[-1]
    return ""


def _install_python() -> None:
    pinned = PROGRAMS / "python" / "requirements.txt"
    if not _is_made_of(VENV, pinned):
        _run(sys.executable, "-m", "venv", "--clear", str(VENV))
        _run(str(PYTHON), "-m", "pip", "install", "--quiet", "--requirement", str(pinned))
        shutil.copy(pinned, VENV)
        (VENV / DONE).touch()


def _install_node() -> None:
    _find("node")
    pinned = PROGRAMS / "node" / "package-lock.json"
    if not _is_made_of(NODE, pinned):
        shutil.rmtree(NODE, ignore_errors=True)
        NODE.mkdir(parents=True)
        for file in (PROGRAMS / "node" / "package.json", pinned):
            shutil.copy(file, NODE)
        quietly = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
        _run(_find("npm"), "ci", "--prefix", str(NODE), *quietly)
        (NODE / DONE).touch()


def _look_for_redis() -> None:
    _find("redis-server")


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(f"{program} is not installed")
    return found


def _is_made_of(folder: Path, pinned: Path) -> bool:
    """Whether the folder was filled, to the end, from what is pinned by now."""
    if not (folder / DONE).exists():
        return False
    return (folder / pinned.name).read_bytes() == pinned.read_bytes()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, text=True, capture_output=True)  # noqa: S603


def versions(missing: dict[str, str]) -> dict[str, str]:
    """What the peers that can be had are made of, by name."""
    found: dict[str, str] = {}
    if "python" not in missing:
        lines = (PROGRAMS / "python" / "requirements.txt").read_text().splitlines()
        pinned = dict(line.split("==") for line in lines if "==" in line)
        found |= {title: pinned[name] for name, title in SHOWN.items() if name in pinned}
    if "node" not in missing:
        package = json.loads((PROGRAMS / "node" / "package.json").read_text())
        found |= {
            title: version
            for name, version in package["dependencies"].items()
            if (title := SHOWN.get(name))
        }
        found["Node"] = _said("node", "--version").lstrip("v")
    if "redis" not in missing:
        found["Redis"] = _said("redis-server", "--version").partition("v=")[2].split()[0]
    return found


def _said(*command: str) -> str:
    done = subprocess.run(command, check=True, text=True, capture_output=True)  # noqa: S603
    return done.stdout.strip()
