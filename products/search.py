"""What a search compares, and the full-text index that narrows down which names to compare.

A name is found by any part of it as it is shown, in any case and width, however either is written.
What is found is for the comparison to say (`ProductQuerySet.search`), which is the same on every
database; the index, on MySQL and MariaDB, only spares it most of the names.
"""

import re
from collections.abc import Iterator
from itertools import islice, pairwise
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any
from unicodedata import normalize

from django.db.models import Lookup
from django.db.models.sql.compiler import SQLCompiler

from ecommerce.common.caseless import caseless
from ecommerce.common.texts import INVISIBLE

SCANNED = 3_000
"""How many products are looked through, in the order asked for, before the index is asked.

The scan is the faster the more often the text occurs, the index the more rarely; about here they
take the same time when there are a million products (docs/benchmarks/queries.md).
"""
TERMS_MAX = 8
"""How many pairs of characters the index is asked for: more would hardly narrow it down further."""
NAME_MAX_LENGTH = 200
GROWTH_MAX = 18
"""How many characters one may become: "ﷺ" does."""
READINGS_MAX = 3
SEARCH_TEXT_MAX_LENGTH = READINGS_MAX * (NAME_MAX_LENGTH * GROWTH_MAX + 1)
BETWEEN_READINGS = "\n"  # in none of them: white space is one space each

# --- Texts --------------------------------------------------------------------------------------


class _Plain(dict[int, str]):
    """What each character is compared as, by its code point."""

    def __missing__(self, code: int) -> str:
        plain = "" if INVISIBLE.match(chr(code)) else _plain(chr(code))
        self[code] = plain
        return plain


def _plain(text: str) -> str:
    return normalize("NFKC", caseless(normalize("NFKC", text)))


_CHARACTERS = _Plain()


def readings(text: str) -> list[str]:
    """The ways to read a text, without case and width: one, but for the rare text that has more.

    Character by character, as it is written and as it is shown, so that whatever stands in a name
    is found by itself ("ㅋㅋ" in "ㅋㅋㅠㅠ"); and as a whole, so that it is found by what it means
    ("マグ" in "ﾏｸﾞ"). None of the three does for the others: characters beside each other may
    become one.
    """
    visible = INVISIBLE.sub("", text)
    ways = (
        text.translate(_CHARACTERS),
        normalize("NFC", visible).translate(_CHARACTERS),
        _plain(visible),
    )
    return [way for way in dict.fromkeys(re.sub(r"\s+", " ", way) for way in ways) if way.strip()]


def search_text(name: str) -> str:
    """What a name is stored as, to be searched: every reading that a search may have of it."""
    return BETWEEN_READINGS.join(readings(name))


# --- The index ----------------------------------------------------------------------------------

_DIGITS = digits + ascii_uppercase + ascii_lowercase
_CODES = len(_DIGITS) ** 3  # of the 1,114,112 code points, those in use share hardly any


def search_words(name: str) -> str:
    """Every pair of neighbouring characters of a name, each as a word of six letters and digits.

    Any full-text parser takes it for one word, whatever the characters are; none is a stop word.
    """
    words = (_word(pair) for reading in readings(name) for pair in _pairs(reading))
    return " ".join(dict.fromkeys(words))


def index_query(reading_of_text: list[str]) -> str:
    """What to ask the index for a text's readings, in boolean mode: names that may have one."""
    queries = [" ".join(f"+{term}" for term in _terms(reading)) for reading in reading_of_text]
    return queries[0] if len(queries) == 1 else " ".join(f"({query})" for query in queries)


def _terms(reading: str) -> Iterator[str]:
    """A text of one character is the beginning of a pair: every name ends with one that is."""
    if len(reading) == 1:
        return iter([f"{_code(reading)}*"])
    every = list(pairwise(reading))
    return islice(dict.fromkeys(map(_word, [*every[::2], every[-1]])), TERMS_MAX)


def _pairs(reading: str) -> Iterator[tuple[str, str]]:
    return pairwise(reading + BETWEEN_READINGS)


def _word(pair: tuple[str, str]) -> str:
    return _code(pair[0]) + _code(pair[1])


def _code(character: str) -> str:
    rest, last = divmod(ord(character) % _CODES, len(_DIGITS))
    first, middle = divmod(rest, len(_DIGITS))
    return _DIGITS[first] + _DIGITS[middle] + _DIGITS[last]


def has_index(connection: Any) -> bool:
    """Whether there is a full-text index: on MySQL and MariaDB."""
    return bool(connection.vendor == "mysql")


class AmongIndexed(Lookup):
    """Rows that the full-text index finds for an `index_query`. For MySQL and MariaDB only."""

    lookup_name = "among_indexed"
    prepare_rhs = False

    def as_mysql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:
        column, column_params = self.process_lhs(compiler, connection)
        query, query_params = self.process_rhs(compiler, connection)
        sql = f"MATCH ({column}) AGAINST ({query} IN BOOLEAN MODE)"
        return sql, [*column_params, *query_params]
