"""What to run, from the environment."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from benchmarks.bench.scenarios import BY_NAME
from benchmarks.stack import REPOSITORY, Kind

WHATS = ("full", "scaling", "rows", "events", "cluster", "peers", "quick", "report")
CLIENTS = {"quick": (8,), "events": (8, 32, 128), "cluster": (1, 32), "peers": (32, 128)}
ALSO = ("raw", "load_test", "losses")
"""What BENCH_ONLY may name besides the scenarios."""


class WrongConfig(Exception):
    """A variable has a value that means nothing."""


DEFAULT_OUTPUT = REPOSITORY / "docs" / "benchmarks"


@dataclass(slots=True)
class Config:
    """One run. Times in seconds."""

    what: str
    database: Kind
    only: Sequence[str]
    """Names of scenarios, `raw`, `load_test` and `losses`; the yardstick is always measured."""
    seconds: int
    """For each measurement."""
    rounds: int
    clients: Sequence[int]
    members: int
    products: int
    campaigns: int
    orders: int
    load_test_seconds: int
    row_products: int
    row_lines: Sequence[int]
    output: Path
    in_memory: bool = False
    direct: bool = True


def read_config() -> Config:
    """The configuration that the variables BENCH and BENCH_… ask for. Raises WrongConfig."""
    what = os.environ.get("BENCH") or "full"
    if what not in WHATS:
        raise WrongConfig(f"BENCH={what}: it is one of {', '.join(WHATS)}")
    quick = what == "quick"
    usual = [name for name, scenario in BY_NAME.items() if scenario.is_usual]
    only = _names("BENCH_ONLY") or (*usual, *ALSO)
    unknown = set(only) - {*BY_NAME, *ALSO}
    if unknown:
        raise WrongConfig(f"BENCH_ONLY={unknown.pop()}: it is of {', '.join((*BY_NAME, *ALSO))}")
    return Config(
        what=what,
        database=_kind(),
        only=only,
        seconds=_number("BENCH_SECONDS", 1 if quick else 2),
        rounds=_number("BENCH_ROUNDS", 1 if quick else 2 if what == "scaling" else 4),
        clients=_numbers("BENCH_CLIENTS", CLIENTS.get(what, (1, 8, 32, 128))),
        members=_number("BENCH_MEMBERS", 600 if quick else 5_000),
        products=_number("BENCH_PRODUCTS", 20 if quick else 1_000),
        campaigns=_number("BENCH_CAMPAIGNS", 60 if quick else 400),
        orders=_number("BENCH_ORDERS", 500 if quick else 5_000),
        load_test_seconds=_number("BENCH_LOAD_TEST_SECONDS", 2 if quick else 15),
        row_products=_number("BENCH_ROW_PRODUCTS", 1_000_000),
        row_lines=_numbers("BENCH_ROW_LINES", (20_000, 200_000, 2_000_000)),
        output=Path(os.environ.get("BENCH_OUTPUT") or DEFAULT_OUTPUT),
        in_memory=quick,
        direct=os.environ.get("BENCH_DIRECT") != "0",
    )


def _kind() -> Kind:
    wanted = os.environ.get("BENCH_DATABASE") or "mysql"
    kinds: tuple[Kind, ...] = get_args(Kind)
    for kind in kinds:
        if kind == wanted:
            return kind
    raise WrongConfig(f"BENCH_DATABASE={wanted}: it is one of {', '.join(kinds)}")


def _names(variable: str) -> Sequence[str]:
    return tuple(name.strip() for name in os.environ.get(variable, "").split(",") if name.strip())


def _numbers(variable: str, default: Sequence[int]) -> Sequence[int]:
    try:
        numbers = tuple(int(name.replace("_", "")) for name in _names(variable))
    except ValueError as error:
        raise WrongConfig(f"{variable}: whole numbers are meant, with commas between") from error
    if any(number < 1 for number in numbers):
        raise WrongConfig(f"{variable}: from 1 up")
    return numbers or default


def _number(variable: str, default: int) -> int:
    numbers = _numbers(variable, (default,))
    if len(numbers) != 1:
        raise WrongConfig(f"{variable}: one number is meant")
    return numbers[0]
