"""Model fields that mean the same on every database."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

DB_IDS = range(1, 2**63)
"""What an id can be; asked for any other number, a database may raise instead of finding none."""


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """Text that is compared and sorted by code point, on every database.

    The default collation of MySQL takes "A" for "a" and MariaDB's takes any emoji for any other;
    SQLite compares bytes already. (`db_collation` would name MySQL's collation on SQLite too.)
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class ExactSlugField(ExactCharField, models.SlugField):  # type: ignore[type-arg]
    """A slug that is compared like `ExactCharField`."""
