"""The connection; Django looks for it in a module of this name."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.mysql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with a round trip less in each transaction, that knows the keys of many rows."""

    key_step = 1
    """How far apart the keys are that the database gives; a cluster may say so."""
    server = 0
    """Which server it is, of those that have the same rows."""

    def init_connection_state(self) -> None:
        super().init_connection_state()
        with self.cursor() as cursor:
            cursor.execute("SELECT @@auto_increment_increment, @@server_id")
            self.key_step, self.server = cursor.fetchone()

    def _start_transaction_under_autocommit(self) -> None:
        """Begin by BEGIN instead of switching autocommit off, and on again at the end.

        Django asks a backend that has this method (SQLite's, otherwise) to begin in that way. The
        driver then leaves out the switching on: the server has said that it is on.
        """
        with self.wrap_database_errors:
            self.connection.query("BEGIN")

    def keys_of_insertion(self, cursor: Any) -> Sequence[int]:
        """The keys of the rows that an INSERT with a list of values has just made, in its order.

        The server tells the first, and takes the others in one go: it knows from the statement how
        many there are (MySQL's manual, "AUTO_INCREMENT Handling in InnoDB", on simple inserts).
        """
        first = cursor.lastrowid
        return range(first, first + cursor.rowcount * self.key_step, self.key_step)
