"""Searches of any table that ignore case, on every database and beyond ASCII."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any
from unicodedata import normalize

from django.db.models import Func, Q, QuerySet, TextField, Value
from django.db.models.lookups import Contains
from django.db.models.sql.compiler import SQLCompiler


def caseless(text: str) -> str:
    """`text` without case. The dot of "İ" goes with it, as MySQL has it."""
    return text.casefold().replace("i\u0307", "i")


class Caseless(Func):
    """A text without case: both sides of a comparison are made so by the database."""

    function = "CASELESS"  # what SQLite's connection calls `caseless`
    arity = 1
    output_field = TextField()

    def as_mysql(self, compiler: SQLCompiler, connection: Any, **context: Any) -> Any:
        # LOWER goes letter by letter; these two have no one letter of the other case.
        template = "REPLACE(REPLACE(LOWER(%(expressions)s), 'ς', 'σ'), 'ß', 'ss')"
        return self.as_sql(compiler, connection, template=template, **context)


def rows_containing(queryset: QuerySet[Any], paths: Iterable[str], text: str) -> QuerySet[Any]:
    """The rows of which each word of `text` is in one of the columns, whatever the case.

    `icontains` minds the case on MySQL in columns that are compared by code point, such as a
    member's name, and on SQLite in all but ASCII. Nor does it matter in which form a letter with a
    mark was typed, or stored.
    """
    for word in dict.fromkeys(text.split()):
        forms = dict.fromkeys([word, *(normalize(form, word) for form in ("NFC", "NFD", "NFKC"))])
        queryset = queryset.filter(
            reduce(
                or_,
                (
                    Q(Contains(Caseless(path), Caseless(Value(form))))
                    for path in paths
                    for form in forms
                ),
            )
        )
    return queryset
