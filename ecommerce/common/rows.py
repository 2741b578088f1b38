"""Writing rows that a service has locked and decided."""

from collections.abc import Collection, Sequence
from copy import copy
from typing import TypeVar

from django.db import connection
from django.db.models import Model, TextField

M = TypeVar("M", bound=Model)


def save_fields(rows: Collection[M], fields: Sequence[str]) -> None:
    """Write these fields of locked rows, in one statement. Needs an open transaction.

    One row by itself is a plain UPDATE. Several are inserted once more, which finds each by its id
    and updates it: Django's `bulk_update` makes a CASE with a branch for each row instead, at a
    cost that grows with the square of their number.
    """
    if not rows or not fields:
        return
    first = next(iter(rows))
    if len(rows) == 1:
        first.save(update_fields=fields)
    else:
        target = ["pk"] if connection.features.supports_update_conflicts_with_target else None
        type(first)._default_manager.bulk_create(
            [_candidate(row, fields) for row in rows],
            update_conflicts=True,
            update_fields=fields,
            unique_fields=target,
        )


def _candidate(row: M, fields: Sequence[str]) -> M:
    """A copy of a row with what it need not have: it exists, so the copy is never inserted.

    Without the texts: a product's description of a megabyte would travel to the database for each
    piece sold, and those of one batch may together be more than it takes in one statement. And
    without the parents that may be null: MySQL 9.7 share-locks those of a row to be inserted
    before it finds that the row is there.
    """
    candidate = copy(row)
    for column in row._meta.concrete_fields:
        if column.name in fields:
            continue
        if isinstance(column, TextField):
            setattr(candidate, column.attname, "")
        elif column.is_relation and column.null:
            setattr(candidate, column.attname, None)
    return candidate
