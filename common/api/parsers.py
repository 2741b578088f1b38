"""Request bodies: JSON only."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from rest_framework import parsers
from rest_framework.exceptions import ParseError

DIGITS_MAX = 1_000
EXACT_BELOW = 2**53
"""Below that each whole number is a float."""


class JSONParser(parsers.JSONParser):
    """JSON as RFC 8259 has it: in UTF-8, whatever charset is named; each name once in an object.

    Of a name that is there twice all but one value would be ignored without a word.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode()
            return json.loads(
                text,
                parse_int=_whole,
                parse_float=_fraction,
                parse_constant=_no_constant,
                object_pairs_hook=_object,
            )
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is there twice in one object")
    return members


def _whole(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise ValueError(f"a number of more than {DIGITS_MAX} digits")
    return int(text)


def _fraction(text: str) -> float | Decimal:
    """A float; or what was written, where a float would take it for the whole number beside it."""
    number = float(text)
    if abs(number) < EXACT_BELOW and number.is_integer():
        try:
            if Decimal(text) != number:
                return Decimal(text)
        except ArithmeticError as error:
            raise ValueError("a number that is out of all bounds") from error
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
