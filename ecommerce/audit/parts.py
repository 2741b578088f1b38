"""What rules are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, IntegerField, Model, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

SHOWN = 20
"""How many violations of one rule are described; the others are counted."""


@dataclass(frozen=True, slots=True)
class Violations:
    """The rows that break a rule: the first of them in words, and how many there are."""

    shown: list[str]
    total: int


Rule = Callable[[], Violations]


def violations(rows: "QuerySet[Any]", sentence: str, *fields: str) -> Violations:
    """The `rows` that break a rule, each told by `sentence`, a format of the row's `fields`."""
    rows = rows.order_by("pk").values(*fields)
    first = list(rows[: SHOWN + 1])
    total = len(first) if len(first) <= SHOWN else rows.count()
    return Violations([sentence.format_map(row) for row in first[:SHOWN]], total)


def aggregate_of(rows: "QuerySet[Any]", key: str, aggregate: Sum | Count) -> Coalesce:
    """An aggregate of other rows of the same `key`, 0 for none, to annotate the outer row with."""
    grouped = rows.order_by().values(key).annotate(aggregate=aggregate).values("aggregate")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), 0)


def differ(column: str, other: str) -> Q:
    """Where two columns of a row are not the same."""
    return ~Q(**{column: F(other)})


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must always hold, with the rules that make it up."""

    name: str
    subject: type[Model]
    rules: tuple[Rule, ...]
