"""A shop to break: members with money and tokens, campaigns and products."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.stack import REPOSITORY, Database, environment

BALANCE = 500_000_000
"""What each member has to begin with (won); no single charge of the load is as large."""
PRICE = 10
STOCK = 500_000_000
SCARCE_STOCK = 40
TOTALS = (1_000_000, 1_000_000, 150, 30)
"""Coupons of the campaigns: two that never sell out, one that does on the way, one at once."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the clients may ask for."""

    tokens: Mapping[int, str]
    """Access tokens by member id."""
    campaigns: Mapping[int, int]
    """Total quantities by campaign id, the roomiest first."""
    products: tuple[int, ...]
    """Ids of products that never sell out."""
    scarce: int
    """The id of the one that does."""

    @property
    def members(self) -> tuple[int, ...]:
        return tuple(self.tokens)


def open_shops(db: Database, number: int, *, members: int) -> list[Shop]:
    """Add so many shops to a migrated database, each with rows of its own.

    By a program of its own, since a process of Django's knows one database.
    """
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.faults.fill", str(number), str(members)],
        cwd=REPOSITORY,
        env=environment(db, ACCESS_TOKEN_MINUTES="60"),  # noqa: S106
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return [
        Shop(
            tokens={int(pk): token for pk, token in raw["tokens"].items()},
            campaigns={int(pk): total for pk, total in raw["campaigns"].items()},
            products=tuple(raw["products"]),
            scarce=raw["scarce"],
        )
        for raw in json.loads(done.stdout)
    ]
