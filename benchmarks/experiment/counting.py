"""How many statements and transactions a rush took, as the database itself counts them."""

from collections import Counter
from dataclasses import dataclass, field

from django.db import connection

STATEMENTS = ("select", "insert", "update", "delete")
ENDS = ("commit", "rollback")


@dataclass(slots=True)
class StatementCounter:
    """Counts what all connections do between `start` and `stop`.

    MySQL and MariaDB are asked for their counters `Com_…`, which cover every connection, so the
    server must serve nothing else meanwhile. SQLite calls back for each statement of a watched
    connection.
    """

    statements: int = 0
    """SELECT, INSERT, UPDATE and DELETE; what only sets up or ends a transaction is not here."""
    transactions: int = 0
    """COMMIT and ROLLBACK."""
    _before: Counter[str] = field(default_factory=Counter)
    _traced: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Have the current thread's open connection counted."""
        if connection.vendor == "sqlite":
            # `append` is one step of the interpreter, so the threads can share the list.
            connection.connection.set_trace_callback(
                lambda sql: self._traced.append(sql.lstrip()[:10].split(maxsplit=1)[0].lower())
            )

    def start(self) -> None:
        """Begin to count, when all are connected."""
        self._traced.clear()
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
            return Counter(self._traced)
        with connection.cursor() as cursor:
            names = ", ".join(f"'Com_{name}'" for name in (*STATEMENTS, *ENDS))
            cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})")
            return Counter({name[4:].lower(): int(value) for name, value in cursor.fetchall()})
