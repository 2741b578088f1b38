"""MySQL's full-text index on the names, and the other databases' want of one.

The index only narrows down which names have to be compared: what is found is for the comparison to
say (`ProductQuerySet.search`), which is the same on every database.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import Lookup
from django.db.models.sql.compiler import SQLCompiler

SCANNED = 3_000
"""How many products are looked through, in the order asked for, before the index is asked.

The scan is the faster the more often the text occurs, the index the more rarely; about here they
take the same time when there are a million products (docs/benchmarks/queries.md).
"""
TERMS_MAX = 8
"""How many pairs of characters the index is asked for: more would hardly narrow it down further."""

# What MySQL takes for a letter in a query, whatever its version: Latin, Hangul, Kana, Han. Its
# parser splits a query, but not a name, at any character above U+007F that it does not know.
_LETTERS = re.compile("[0-9a-z_ß-öø-ɏ가-힣ぁ-ゖァ-ヺ一-龥]{2,}")


def index_query(text: str) -> str:
    """What to ask the full-text index for a folded `text`, in boolean mode; empty: it can't help.

    Every name that has the text has each of the pairs of characters asked for. Single pairs rather
    than a phrase, for which MySQL reads each name again: ten times as slow for a common word.
    """
    return " ".join(f"+{pair}" for pair in islice(dict.fromkeys(_pairs(text)), TERMS_MAX))


def _pairs(text: str) -> Iterator[str]:
    for letters in _LETTERS.findall(text):
        yield from (letters[at : at + 2] for at in range(0, len(letters) - 1, 2))
        if len(letters) % 2:
            yield letters[-2:]


def has_index(connection: Any) -> bool:
    """Whether there is a full-text index: on MySQL. MariaDB has no parser for parts of words."""
    return connection.vendor == "mysql" and not connection.mysql_is_mariadb


class AmongIndexed(Lookup):
    """Rows that the full-text index finds for an `index_query`. For MySQL only."""

    lookup_name = "among_indexed"
    prepare_rhs = False

    def as_mysql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:
        column, column_params = self.process_lhs(compiler, connection)
        query, query_params = self.process_rhs(compiler, connection)
        sql = f"MATCH ({column}) AGAINST ({query} IN BOOLEAN MODE)"
        return sql, [*column_params, *query_params]
