"""Writing rows that a service has locked and decided."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from django.db import connection
from django.db.models import Model

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
            rows, update_conflicts=True, update_fields=fields, unique_fields=target
        )
