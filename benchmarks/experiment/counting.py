"""How many statements and transactions a rush took, as the database itself counts them."""

from collections import Counter
from dataclasses import dataclass, field

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

STATEMENTS = ("select", "insert", "update", "delete")
ENDS = ("commit", "rollback")

_traced: list[str] = []
"""What SQLite was told, by the first word. `append` is one step: all threads share the list."""


@receiver(connection_created)
def _trace(connection: BaseDatabaseWrapper, **kwargs: object) -> None:
    if connection.vendor == "sqlite":
        connection.connection.set_trace_callback(
            lambda sql: _traced.append(sql.lstrip()[:10].split(maxsplit=1)[0].lower())
        )


@dataclass(slots=True)
class StatementCounter:
    """Counts what all connections do between `start` and `stop`.

    MySQL and MariaDB are asked for their counters `Com_…`, which cover every connection, so the
    server must serve nothing else meanwhile. SQLite calls back for each statement of a connection;
    those of the shop's committers are among them, which last longer than a rush.
    """

    statements: int = 0
    """SELECT, INSERT, UPDATE and DELETE; what only sets up or ends a transaction is not here."""
    transactions: int = 0
    """COMMIT and ROLLBACK."""
    _before: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        """Begin to count, when all are connected."""
        _traced.clear()
        self._before = self._settled()

    def stop(self) -> None:
        """Take the difference."""
        done = self._settled() - self._before
        self.statements = sum(done[name] for name in STATEMENTS)
        self.transactions = sum(done[name] for name in ENDS)

    def _settled(self) -> Counter[str]:
        """The counts when they have stopped to move: what ended just now may not be in yet."""
        counts = self._now()
        while counts != (counts := self._now()):
            pass
        return counts

    def _now(self) -> Counter[str]:
        if connection.vendor == "sqlite":
            return Counter(_traced)
        with connection.cursor() as cursor:
            names = ", ".join(f"'Com_{name}'" for name in (*STATEMENTS, *ENDS))
            cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
            return Counter({name[4:].lower(): int(value) for name, value in cursor.fetchall()})
