"""Rows in bulk, and the references that they bear.

Past the ORM, which took three times as long for orders, on SQLite and on MySQL: the driver makes
statements of many rows by itself.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random
from typing import Any

from django.db import connection
from django.db.models import DateField, DateTimeField, Field, Model

from common.db.rows import quoted
from common.references import ALPHABET

Row = tuple[Any, ...]


def insert_rows(model: type[Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert `rows` of the named `columns`; other columns get their field's default.

    Nothing that a field computes when it is saved is computed.
    """
    if not rows:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}
    given = [fields.pop(name) for name in columns]
    # A column that is left out is null, and the id a new one: cheaper than a null in each row.
    others = [field for field in fields.values() if field.get_default() is not None]
    (defaults,) = _adapted(others, [tuple(field.get_default() for field in others)])
    names = ", ".join(quoted(field.column) for field in (*given, *others))
    marks = ", ".join("%s" for _ in (*given, *others))
    table = quoted(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  names of our own
            [row + defaults for row in _adapted(given, rows)],
        )


def update_rows(model: type[Model], columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Set the named `columns` of rows by id, which comes last in each of `rows`.

    A statement for each, and for some hundred rows still several times as fast as the ORM's
    one, whose time grows with their square.
    """
    fields = {field.attname: field for field in model._meta.concrete_fields}
    given = [fields[name] for name in columns]
    changes = ", ".join(f"{quoted(field.column)} = %s" for field in given)
    table = quoted(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {changes} WHERE id = %s",  # noqa: S608  names of our own
            _adapted([*given, fields["id"]], rows),
        )


def _adapted(fields: Sequence["Field[Any, Any]"], rows: Sequence[Row]) -> list[Row]:
    """The rows with dates and times as the driver takes them."""
    adapters = [
        (place, adapter) for place, field in enumerate(fields) if (adapter := _adapter(field))
    ]
    adapted = []
    for row in rows:
        values = list(row)
        for place, adapt in adapters:
            values[place] = adapt(values[place])
        adapted.append(tuple(values))
    return adapted


def _adapter(field: "Field[Any, Any]") -> Callable[[Any], Any] | None:
    if isinstance(field, DateTimeField):
        return connection.ops.adapt_datetimefield_value
    if isinstance(field, DateField):
        return connection.ops.adapt_datefield_value
    return None


class Series:
    """References of one run: like `new_reference`, but ascending, which an index takes faster.

    The `tag` tells the run from all others.
    """

    def __init__(self, rng: Random) -> None:
        self.tag = "".join(rng.choices(ALPHABET, k=10))
        self._count = 0

    def next(self, prefix: str) -> str:
        """The next reference, with a `prefix` such as `ORD`."""
        self._count += 1
        return f"{prefix}-{self.tag}{_in_base_32(self._count)}"


def _in_base_32(count: int) -> str:
    digits = ""
    for _ in range(6):
        count, digit = divmod(count, 32)
        digits = ALPHABET[digit] + digits
    return digits


def moment_between(rng: Random, start: datetime, end: datetime) -> datetime:
    """Some moment from `start` to `end`."""
    return start + rng.random() * (end - start)
