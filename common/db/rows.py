"""Writing rows that a service has locked and decided, in one statement for all of them.

As Django's `bulk_create` and `bulk_update` do it, with the SQL of a model composed once, which is
what most of their time goes into: other requests wait for the locks meanwhile. No signals are sent.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar, cast

from django.db import connection
from django.db.models import DateField, Field, ForeignKey, IntegerField, Model
from django.db.transaction import mark_for_rollback_on_error

M = TypeVar("M", bound=Model)
R = TypeVar("R")
Row = tuple[Any, ...]


def save_new(rows: Sequence[M]) -> None:
    """Insert rows of one model and tell each its key. Needs an open transaction.

    Their parents must have keys by the time that they are assigned.
    """
    if not rows:
        return
    insertion = _insertion(type(rows[0]))
    for part in _in_statements([column.field for column in insertion.columns], rows):
        sql = insertion.sql(len(part))
        if connection.features.can_return_rows_from_bulk_insert:
            sql += f" RETURNING {quoted(_key(type(part[0])).column)}"
        with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
            cursor.execute(sql, insertion.values(part))
            keys = _keys_of_insertion(cursor)
        for row, key in zip(part, keys, strict=True):
            row.pk = key
            row._state.adding = False
            row._state.db = connection.alias


def save_values(model: type[Model], fields: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Insert rows that are but the values of these fields, as the database takes them.

    Needs an open transaction. The fields are all but the key, which nobody asks for: with no object
    for each row it takes half of the time.
    """
    insertion = _insertion(model)
    if fields != (all_of_them := tuple(column.field.name for column in insertion.columns)):
        raise ValueError(f"{fields} are not {all_of_them}")
    for part in _in_statements([column.field for column in insertion.columns], rows):
        with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
            cursor.execute(insertion.sql(len(part)), [*chain(*part)])


def save_fields(rows: Collection[M], fields: Sequence[str]) -> None:
    """Write these fields of locked rows. Needs an open transaction.

    A CASE with a branch for each row, as Django's `bulk_update` has it, without an expression for
    each value. Neither inserts a row that went meanwhile, nor reads or locks any parent.
    """
    if not rows or not fields:
        return
    every = list(rows)
    key = _key(type(every[0]))
    written = [cast("Field[Any, Any]", every[0]._meta.get_field(name)) for name in fields]
    for part in _in_statements([key, *written, *[key] * len(written)], every):
        _update(part, key, written)


@dataclass(frozen=True, slots=True)
class _Column:
    field: "Field[Any, Any]"
    is_number: bool
    """The database takes it as it is."""
    is_moment: bool
    """Rows that are written together are of few moments."""


@dataclass(frozen=True, slots=True)
class _Insertion:
    columns: Sequence[_Column]
    start: str
    row: str

    def sql(self, count: int) -> str:
        return f"{self.start} {', '.join([self.row] * count)}"

    def values(self, rows: Sequence[Model]) -> list[Any]:
        """What the statement takes, of all columns of each row."""
        moments: dict[tuple[Any, Any], Any] = {}
        values = []
        for row in rows:
            for column in self.columns:
                value = column.field.pre_save(row, add=True)
                if column.is_moment:
                    key = column.field, value
                    if key not in moments:
                        moments[key] = column.field.get_db_prep_save(value, connection)
                    value = moments[key]
                elif value is not None and not column.is_number:
                    value = column.field.get_db_prep_save(value, connection)
                values.append(value)
        return values


@lru_cache(maxsize=256)
def _insertion(model: type[Model]) -> _Insertion:
    columns = [
        _Column(
            field,
            is_number=isinstance(_target(field), IntegerField),
            is_moment=isinstance(field, DateField),
        )
        for field in model._meta.concrete_fields
        if field is not model._meta.pk
    ]
    names = ", ".join(quoted(column.field.column) for column in columns)
    return _Insertion(
        columns,
        start=f"INSERT INTO {quoted(model._meta.db_table)} ({names}) VALUES",
        row=f"({', '.join(['%s'] * len(columns))})",
    )


def _in_statements(fields: "Sequence[Field[Any, Any]]", rows: Sequence[R]) -> Iterator[Sequence[R]]:
    """The rows by statement, where each has values of these fields.

    One has them all, but for what SQLite takes at once.
    """
    size = max(connection.ops.bulk_batch_size(fields, rows), 1)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def quoted(name: str | None) -> str:
    """A name of a table or column as it stands in a statement."""
    return connection.ops.quote_name(str(name))


def _update(
    rows: Sequence[Model], key: "Field[Any, Any]", written: "list[Field[Any, Any]]"
) -> None:
    keys = [row.pk for row in rows]
    branches = f"CASE {quoted(key.column)} {'WHEN %s THEN %s ' * len(rows)}END"
    changes: list[str] = []
    values: list[Any] = []
    for field in written:
        now = [field.pre_save(row, False) for row in rows]
        if not isinstance(_target(field), IntegerField):  # which the database takes as it is
            now = [field.get_db_prep_save(value, connection) for value in now]
        changes.append(f"{quoted(field.column)} = {branches if len(rows) > 1 else '%s'}")
        values += chain(*zip(keys, now, strict=True)) if len(rows) > 1 else now
    places = ", ".join(["%s"] * len(rows))
    table = quoted(rows[0]._meta.db_table)
    with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {', '.join(changes)}"  # noqa: S608  our names
            f" WHERE {quoted(key.column)} IN ({places})",
            [*values, *keys],
        )


def _key(model: type[Model]) -> "Field[Any, Any]":
    return model._meta.pk  # a model that is stored has one


def _target(field: "Field[Any, Any]") -> "Field[Any, Any]":
    return field.target_field if isinstance(field, ForeignKey) else field


def _keys_of_insertion(cursor: Any) -> Sequence[int]:
    if connection.features.can_return_rows_from_bulk_insert:
        return [key for (key,) in cursor.fetchall()]
    keys: Sequence[int] = connection.keys_of_insertion(cursor)  # type: ignore[attr-defined]
    return keys
