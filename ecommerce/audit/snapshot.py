"""One moment of the database, for as long as it takes to look at it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def consistent_snapshot() -> Iterator[None]:
    """All reads within see one moment, and hold up no writer.

    Django has no such transaction: its own would be READ COMMITTED on MySQL, where each statement
    sees a moment of its own, and would take the only write lock on SQLite.
    """
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # of the next only
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        else:
            cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
