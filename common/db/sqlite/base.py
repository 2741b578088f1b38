"""The connection; Django looks for it in a module of this name."""

import os
from contextlib import suppress
from typing import Any

from django.db.backends.sqlite3 import base

from common.db.caseless import caseless


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, that ignores the case of more than ASCII where it is told to ignore case."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        _keep_private(conn_params["database"])
        connection = super().get_new_connection(conn_params)
        connection.create_function("CASELESS", 1, _caseless, deterministic=True)
        return connection


def _keep_private(database: str) -> None:
    """Make the file, if it is to be one, for its owner alone; what SQLite adds is like it."""
    if database.startswith("file:") or database == ":memory:":
        return
    with suppress(OSError):  # it is there; or it can't be made, and SQLite says why
        os.close(os.open(database, os.O_CREAT | os.O_EXCL, 0o600))


def _caseless(value: Any) -> str | None:
    return None if value is None else caseless(str(value))
