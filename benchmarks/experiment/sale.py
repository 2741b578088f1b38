"""What is on sale, and what every strategy in plain SQL does alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

from benchmarks.experiment.race import Left

Cursor = Any

PRICE = 1
"""Won; of everything, so that the members' wallets last."""
PATIENCE_SECONDS = 60
"""How long a request waits for a lock that is no row's: longer than any rush takes."""


@dataclass(frozen=True, slots=True)
class Sale:
    """So many pieces on sale, by one strategy."""

    attempt: Callable[[int], int]
    """Serves request 0, 1, 2 …; returns its number."""
    left: Callable[[], Left]
    numbers_are_keys: bool = False
    """The numbers are keys that ascend in the order in which the pieces were taken."""
    close: Callable[[], object] = lambda: None
    """Ends what serves the sale besides its requests."""


def take_money(cursor: Cursor, member: int) -> None:
    """What an order does besides: it takes its price from a wallet that nobody else wants."""
    cursor.execute(
        "UPDATE experiment_wallet SET balance = balance - %s WHERE member = %s", [PRICE, member]
    )


@contextmanager
def transaction(cursor: Cursor, sqlite_begin: str = "BEGIN") -> Iterator[None]:
    """A transaction, of the given kind on SQLite; rolled back when anything fails in it."""
    cursor.execute(sqlite_begin if connection.vendor == "sqlite" else "BEGIN")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
