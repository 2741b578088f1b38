"""Queries that Django compiles once, with values that are put in later.

To build the SQL of a query costs several times what the driver and the database need to answer it
by an index. Where everybody waits for a lock meanwhile, that is done beforehand.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.sql import Query, UpdateQuery
from django.db.transaction import TransactionManagementError, mark_for_rollback_on_error

M = TypeVar("M", bound=Model)

KEPT = 256
"""Of queries of at most so many values the SQL is kept: more than a batch of requests has."""

STAND_IN = 1_987_654_321
"""Stands for the first value while a query is compiled, the next number for the next, and so on.

No query has it by itself, and each integer field of 32 bits or more can: Django asks nothing at all
when a value is out of its field's range.
"""


@dataclass(frozen=True, slots=True)
class _Statement:
    sql: str
    constants: Sequence[Any]
    """The parameters; those that a value takes the place of are here as `None`."""
    places: Sequence[tuple[int, int]]
    """Which parameter takes which value."""
    locks: bool
    model: Any

    def parameters(self, values: Sequence[int]) -> list[Any]:
        if self.locks and not connection.in_atomic_block:  # as Django says it, when it compiles
            raise TransactionManagementError(
                "select_for_update cannot be used outside of a transaction."
            )
        parameters = list(self.constants)
        for parameter, value in self.places:
            parameters[parameter] = values[value]
        return parameters


class Compiled(Generic[M]):
    """A query of whole numbers, compiled once for each number of them.

    >>> active = Compiled(lambda *ids: User.objects.filter(pk__in=ids, is_active=True).only("pk"))
    >>> active.rows(3, 4)
    [(3,)]
    """

    def __init__(
        self,
        build: "Callable[..., QuerySet[M, Any] | Query]",
        edit: Callable[[str], str] = str,
    ) -> None:
        """`edit` is given the SQL once it is compiled, and says what Django has no words for."""
        self._build = build
        self._edit = edit
        self._kept = lru_cache(maxsize=KEPT)(self._compile)

    def execute(self, *values: int) -> int:
        """Run it and return how many rows it found."""
        if (statement := self._statement(values)) is None:
            return 0
        with mark_for_rollback_on_error(connection.alias), connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.parameters(values))
            found: int = cursor.rowcount
            return found

    def rows(self, *values: int) -> Sequence[tuple[Any, ...]]:
        """What the database answers, as its driver hands it over."""
        if (statement := self._statement(values)) is None:
            return []
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.parameters(values))
            found: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return found

    def objects(self, *values: int) -> list[M]:
        """The rows as objects of the model; what the query leaves out is read when it is needed."""
        if (statement := self._statement(values)) is None:
            return []
        parameters = statement.parameters(values)
        found: Iterable[Any] = statement.model._default_manager.raw(statement.sql, parameters)
        return list(found)

    def _statement(self, values: Sequence[int]) -> _Statement | None:
        count = len(values)
        return self._kept(count) if count <= KEPT else self._compile(count)

    def _compile(self, count: int) -> _Statement | None:
        place_of = {STAND_IN + place: place for place in range(count)}
        built = self._build(*place_of)
        query = built.query if isinstance(built, QuerySet) else built
        try:
            sql, parameters = query.get_compiler(connection=connection).as_sql()
        except EmptyResultSet:  # among no values: there is nothing to ask
            return None
        places = [
            (parameter, place_of[value])
            for parameter, value in enumerate(parameters)
            if value in place_of
        ]
        if {place for _, place in places} != set(range(count)):
            raise ValueError("each value must be a parameter of the query, as it is")
        locks = query.select_for_update and connection.features.has_select_for_update
        return _Statement(self._edit(sql), parameters, places, locks, query.model)


def update_of(queryset: "QuerySet[M, Any]", **values: int) -> Query:
    """The UPDATE that `queryset.update(**values)` runs, to be compiled."""
    query = queryset.query.chain(UpdateQuery)
    query.add_update_values(values)  # type: ignore[attr-defined]  # an UpdateQuery by now
    return query
