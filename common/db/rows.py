"""Writing rows that a service has locked and decided, in one statement for all of them.

As Django's `bulk_create` and `bulk_update` do it, with the SQL of a model composed once, which is
what most of their time goes into: other requests wait for the locks meanwhile. No signals are sent.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from django.db import connection
from django.db.models import DateField, Field, ForeignKey, IntegerField, Model, TextField
from django.db.models.constants import OnConflict
from django.db.transaction import mark_for_rollback_on_error

M = TypeVar("M", bound=Model)
Row = tuple[Any, ...]


def save_new(rows: Sequence[M]) -> None:
    """Insert rows of one model and tell each its key. Needs an open transaction.

    Their parents must have keys by the time that they are assigned.
    """
    for part, insertion in _in_statements(rows, ()):
        sql = insertion.sql(len(part))
        if connection.features.can_return_rows_from_bulk_insert:
            sql += f" RETURNING {quoted(_key(type(part[0])).column)}"
        with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
            cursor.execute(sql, insertion.values(part, add=True))
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
    insertion = _insertion_of(model, fields)
    columns = [column.field for column in insertion.columns]
    size = max(connection.ops.bulk_batch_size(columns, rows), 1)
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
            cursor.execute(insertion.sql(len(part)), [*chain(*part)])


def save_fields(rows: Collection[M], fields: Sequence[str]) -> None:
    """Write these fields of locked rows. Needs an open transaction.

    One row by itself is a plain UPDATE. Several are inserted once more, which finds each by its id
    and updates it: Django's `bulk_update` makes a CASE with a branch for each row instead, at a
    cost that grows with the square of their number.
    """
    if not rows or not fields:
        return
    if len(rows) == 1:
        _update(next(iter(rows)), fields)
    else:
        save_or_update(list(rows), fields, unique=[_key(type(next(iter(rows)))).name])


def save_or_update(rows: Sequence[M], fields: Sequence[str], unique: Sequence[str]) -> None:
    """Insert rows, or write these fields of those that exist by the `unique` ones, without its key.

    Needs an open transaction. A row that exists need not be complete: it is offered without its
    texts (a product's description of a megabyte would travel to the database for each piece sold,
    and those of one batch may together be more than it takes in one statement), and without the
    parents that may be null (MySQL 9.7 share-locks those of a row to be inserted before it finds
    that the row is there).
    """
    for part, insertion in _in_statements(rows, tuple(fields), tuple(unique)):
        with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
            cursor.execute(insertion.sql(len(part)), insertion.values(part, add=False))


@dataclass(frozen=True, slots=True)
class _Column:
    field: "Field[Any, Any]"
    is_sent: bool
    """Else it is left out: an empty text, or no parent."""
    is_number: bool
    """The database takes it as it is."""
    is_moment: bool
    """Rows that are written together are of few moments."""


@dataclass(frozen=True, slots=True)
class _Insertion:
    columns: Sequence[_Column]
    start: str
    row: str
    end: str

    def sql(self, count: int) -> str:
        return f"{self.start} {', '.join([self.row] * count)} {self.end}"

    def values(self, rows: Sequence[Model], *, add: bool) -> list[Any]:
        """What the statement takes, of all columns of each row."""
        moments: dict[tuple[Any, Any], Any] = {}
        values = []
        for row in rows:
            for column in self.columns:
                if not column.is_sent:
                    values.append("" if isinstance(column.field, TextField) else None)
                    continue
                value = column.field.pre_save(row, add=add)
                if column.is_moment:
                    key = column.field, value
                    if key not in moments:
                        moments[key] = column.field.get_db_prep_save(value, connection)
                    value = moments[key]
                elif value is not None and not column.is_number:
                    value = column.field.get_db_prep_save(value, connection)
                values.append(value)
        return values


def _in_statements(
    rows: Sequence[M], updated: tuple[str, ...], unique: tuple[str, ...] = ()
) -> Iterator[tuple[Sequence[M], _Insertion]]:
    """The rows by statement: one has them all, but for what SQLite takes at once."""
    if not rows:
        return
    insertion = _insertion(type(rows[0]), updated, unique)
    fields = [column.field for column in insertion.columns]
    size = max(connection.ops.bulk_batch_size(fields, rows), 1)
    for start in range(0, len(rows), size):
        yield rows[start : start + size], insertion


@lru_cache(maxsize=256)
def _insertion(model: type[Model], updated: tuple[str, ...], unique: tuple[str, ...]) -> _Insertion:
    key = _key(model)
    columns = [
        _Column(
            field,
            is_sent=not updated or field.name in updated or not _may_be_left_out(field),
            is_number=isinstance(_target(field), IntegerField),
            is_moment=isinstance(field, DateField),
        )
        for field in model._meta.concrete_fields
        if field is not key or key.name in unique
    ]
    names = ", ".join(quoted(column.field.column) for column in columns)
    end = ""
    if updated:
        by_name = {field.name: field.column for field in model._meta.concrete_fields}
        end = connection.ops.on_conflict_suffix_sql(
            [column.field for column in columns],
            OnConflict.UPDATE,
            [by_name[name] for name in updated],
            [by_name[name] for name in unique],
        )
    return _Insertion(
        columns,
        start=f"INSERT INTO {quoted(model._meta.db_table)} ({names}) VALUES",
        row=f"({', '.join(['%s'] * len(columns))})",
        end=end,
    )


@lru_cache(maxsize=256)
def _insertion_of(model: type[Model], fields: tuple[str, ...]) -> _Insertion:
    insertion = _insertion(model, (), ())
    if fields != (all_of_them := tuple(column.field.name for column in insertion.columns)):
        raise ValueError(f"{fields} are not {all_of_them}")
    return insertion


def quoted(name: str | None) -> str:
    """A name of a table or column as it stands in a statement."""
    return connection.ops.quote_name(str(name))


def _update(row: Model, fields: Sequence[str]) -> None:
    key = _key(type(row))
    written = [field for field in row._meta.concrete_fields if field.name in fields]
    values = [field.get_db_prep_save(field.pre_save(row, False), connection) for field in written]
    changes = ", ".join(f"{quoted(field.column)} = %s" for field in written)
    table = quoted(row._meta.db_table)
    with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {changes} WHERE {quoted(key.column)} = %s",  # noqa: S608  our names
            [*values, row.pk],
        )


def _key(model: type[Model]) -> "Field[Any, Any]":
    return model._meta.pk  # a model that is stored has one


def _target(field: "Field[Any, Any]") -> "Field[Any, Any]":
    return field.target_field if isinstance(field, ForeignKey) else field


def _may_be_left_out(field: "Field[Any, Any]") -> bool:
    return isinstance(field, TextField) or bool(field.is_relation and field.null)


def _keys_of_insertion(cursor: Any) -> Sequence[int]:
    if connection.features.can_return_rows_from_bulk_insert:
        return [key for (key,) in cursor.fetchall()]
    keys: Sequence[int] = connection.keys_of_insertion(cursor)  # type: ignore[attr-defined]
    return keys
