"""Writing rows that a service has locked and decided."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from django.db.models import Model

M = TypeVar("M", bound=Model)


def save_fields(rows: Collection[M], fields: Sequence[str]) -> None:
    """Write these fields of locked rows, in one statement. Needs an open transaction.

    One row by itself is a plain UPDATE; only several need a CASE for each field.
    """
    if not rows:
        return
    first = next(iter(rows))
    if len(rows) == 1:
        first.save(update_fields=fields)
    else:
        type(first)._default_manager.bulk_update(rows, fields)
