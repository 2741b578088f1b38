"""What a search compares, and the full-text index that narrows down which names to compare.

A name is found by any part of it as it is shown, in any case and width, however either is written.
What is found is for the comparison to say (`ProductQuerySet.search`), which is the same on every
database; the index, on MySQL and MariaDB, only spares it most of the names.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any
from unicodedata import normalize

from django.db.models import Lookup
from django.db.models.sql.compiler import SQLCompiler

from common.db.caseless import caseless
from common.texts import INVISIBLE

SCANNED = 3_000
"""How many products are looked through, in the order asked for, before the index is asked.

The scan is the faster the more often the text occurs, the index the more rarely; about here they
take the same time when there are a million products (docs/benchmarks/queries.md).
"""
TERMS_MAX = 8
"""How many pairs of characters the index is asked for: more would hardly narrow it down further."""
RARE = 3
"""In so many of the `SCANNED` names that were counted: in a thousand of a million or so."""
FREQUENT = 300
"""In more of these, a word costs more to look up than it spares."""
CODE_LENGTH = 3
NAME_MAX_LENGTH = 200
GROWTH_MAX = 18
"""How many characters one may become: "ﷺ" does."""
READINGS_MAX = 3
SEARCH_TEXT_MAX_LENGTH = READINGS_MAX * (NAME_MAX_LENGTH * GROWTH_MAX + 1)
BETWEEN_READINGS = "\n"  # in none of them: white space is one space each

Counts = Mapping[str, int]
NO_COUNTS: Counts = {}

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
_CODES = len(_DIGITS) ** CODE_LENGTH  # of the 1,114,112 code points, those in use share hardly any


def search_words(name: str) -> str:
    """Every pair of neighbouring characters of a name, each as a word of six letters and digits.

    Any full-text parser takes it for one word, whatever the characters are; none is a stop word.
    """
    words = (_word(pair) for reading in readings(name) for pair in _pairs(reading))
    return " ".join(dict.fromkeys(words))


def index_query(ways: Sequence[str], counts: Counts = NO_COUNTS) -> str:
    """What to ask the index for a text's readings, in boolean mode: names that may have one.

    It reads each word to its end: so for what is rare, as far as that is known.
    """
    queries = [" ".join(f"+{term}" for term in _chosen(terms(way), counts)) for way in ways]
    return queries[0] if len(queries) == 1 else " ".join(f"({query})" for query in queries)


def is_rare(ways: Sequence[str], counts: Counts) -> bool:
    """Whether few names can have one of the readings, as far as is known."""
    return bool(counts) and all(
        min(counts.get(term, 0) for term in terms(way)) <= RARE for way in ways
    )


def terms(reading: str) -> list[str]:
    """What the index can be asked for: pairs, or what begins with the one character.

    Every character of a name begins a pair, its last one too.
    """
    if len(reading) == 1:
        return [f"{_code(reading)}*"]
    return list(dict.fromkeys(map(_word, pairwise(reading))))


def _chosen(every: list[str], counts: Counts) -> list[str]:
    """A rare one says it all; else those that overlap least, without the frequent ones."""
    rarest = min(every, key=lambda term: counts.get(term, 0))
    if counts and counts.get(rarest, 0) <= RARE:
        return [rarest]
    apart = [term for term in [*every[::2], every[-1]] if counts.get(term, 0) <= FREQUENT]
    return list(dict.fromkeys(apart or [rarest]))[:TERMS_MAX]


def count_words(names: Iterable[str]) -> Counts:
    """In how many of the names' `search_words` each of their `terms` is."""
    counts: Counter[str] = Counter()
    for words in names:
        every = words.split()
        counts.update(every)
        counts.update({f"{word[:CODE_LENGTH]}*" for word in every})
    return counts


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
