"""What rules are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, IntegerField, Model, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from common.admin.told import Told

SHOWN = 20
"""How many violations of one rule are described; the others are counted."""


@dataclass(frozen=True, slots=True)
class Violations:
    """The rows that break a rule: the first of them in words, and how many there are."""

    shown: list[Told]
    total: int


Rule = Callable[[], Violations]


def violations(rows: "QuerySet[Any]", sentence: str, *fields: str) -> Violations:
    """The `rows` that break a rule, each told by `sentence` and the row's `fields`."""
    rows = rows.order_by("pk").values(*fields)
    first = list(rows[: SHOWN + 1])
    total = len(first) if len(first) <= SHOWN else rows.count()
    return Violations([told_of_row(sentence, row) for row in first[:SHOWN]], total)


def told_of_row(sentence: str, row: Mapping[str, Any]) -> Told:
    """What is wrong with a row, for readers of each language."""
    return Told(sentence, {name: str(value) for name, value in row.items()})


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
