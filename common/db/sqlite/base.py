"""The connection; Django looks for it in a module of this name."""

from typing import Any

from django.db.backends.sqlite3 import base

from common.db.caseless import caseless


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, that ignores the case of more than ASCII where it is told to ignore case."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.create_function("CASELESS", 1, _caseless, deterministic=True)
        return connection


def _caseless(value: Any) -> str | None:
    return None if value is None else caseless(str(value))
