"""What a spreadsheet shows of a cell, for the formats that tell what it holds and no more.

A format is up to four sections, for what is positive, negative, zero, and text (ECMA-376, 18.8.31);
a last one with an @ is of texts as well. Dates, percentages, fractions and powers are formats too,
and so is what fills a cell up (`0*0` shows 5 as 500000): they show another number than is stored,
and are told apart by not being read here.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import isinf

from django.utils.translation import gettext as _

from common.files.errors import UnreadableCell

GENERAL = "General"
_GROUPED = "#,##0"
BUILT_IN = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: _GROUPED,
    4: "#,##0.00",
    **dict.fromkeys((5, 6, 37, 38), f"{_GROUPED};-{_GROUPED}"),
    **dict.fromkeys((7, 8, 39, 40), f"{_GROUPED}.00;-{_GROUPED}.00"),
    **dict.fromkeys((41, 42), f'_-* {_GROUPED}_-;-* {_GROUPED}_-;_-* "-"_-'),
    **dict.fromkeys((43, 44), f'_-* {_GROUPED}.00_-;-* {_GROUPED}.00_-;_-* "-"??_-'),
    49: "@",
}
"""The formats that a file names by number alone and that are read; the others are not."""

FIRST_CUSTOM = 164
DATE = "yyyy-mm-dd"
"""One of the formats that aren't read."""
DIGITS_MAX = 15
"""How many digits of a number a spreadsheet keeps."""

_TOKEN = re.compile(
    r"""
      "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | (?P<space>_.) | (?P<fill>\*[ ])
    | \[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]
    | (?P<color>\[(?:black|blue|cyan|green|magenta|red|white|yellow|color\s?\d+)\])
    | (?P<number>general|@|[#0?,]+(?:\.[#0?]+)?)
    | (?P<plain>[-+$():!^&'~{}<>=\ ]|[^\x00-\x7f])
    """,
    re.VERBOSE | re.IGNORECASE,
)

# What is no sign of a section's end, or of a text, whatever it has in it.
_LITERAL = r'"[^"]*"|[\\_*].|\[[^\]]*\]'

_STORED = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

Token = tuple[str, str]


def shown_number(stored: str, code: str) -> str:
    """What a cell shows whose number is `stored` and whose format is `code`.

    Raises:
        UnreadableCell: the format isn't one of plain numbers, or shows the number rounded.
    """
    sections = [_tokens(section) for section in _sections(code)[0]]
    if not _STORED.fullmatch(stored) or isinf(float(stored)):
        raise UnreadableCell(_("It holds no number."))
    value = Decimal(f"{float(stored):.{DIGITS_MAX}g}")
    if abs(value) >= 10**DIGITS_MAX:
        raise UnreadableCell(
            _("Excel has shortened this number: format the column as text and enter it again.")
        )
    if value < 0 and len(sections) > 1:
        section, sign = sections[1], ""
    elif value == 0 and len(sections) > 2:
        section, sign = sections[2], ""
    else:
        section, sign = sections[0], "-" if value < 0 else ""
    numbers = [text for kind, text in section if kind == "number"]
    if len(numbers) > 1:
        raise _unreadable()
    shown = [_digits(abs(value), text) if kind == "number" else text for kind, text in section]
    return (sign + "".join(shown)).strip()


def shown_text(text: str, code: str) -> str:
    """What a cell shows that holds a text: the text itself.

    Raises:
        UnreadableCell: the format hides it, or shows something else or something more.
    """
    if text and not _shows_texts(code):
        raise UnreadableCell(
            _(
                "Its format hides the text that it holds, or shows another. Format the cell as"
                " text, and enter what it is to say."
            )
        )
    return text


@lru_cache(maxsize=1_000)
def _shows_texts(code: str) -> bool:
    try:
        said = [token for token in _tokens(_sections(code)[1]) if token[1].strip()]
    except UnreadableCell:
        return False
    return [(kind, text.lower()) for kind, text in said] in (
        [("number", "@")],
        [("number", "general")],
    )


def _sections(code: str) -> tuple[list[str], str]:
    """The sections that are of numbers, and the one that is of texts."""
    sections = re.sub(f"({_LITERAL})|;", lambda found: found[1] or "\0", code).split("\0")
    if len(sections) > 3:
        return sections[:3], sections[3]
    if "@" in re.sub(_LITERAL, "", sections[-1]):
        return sections[:-1] or [GENERAL], sections[-1]
    return sections, "@"


@lru_cache(maxsize=1_000)
def _tokens(section: str) -> list[Token]:
    tokens = []
    position = 0
    while position < len(section):
        token = _TOKEN.match(section, position)
        if token is None:
            raise _unreadable()
        position = token.end()
        kind = token.lastgroup or ""
        if kind == "space":
            tokens.append((kind, " "))
        elif kind not in ("fill", "color"):
            tokens.append((kind, token[kind]))
    return tokens


def _digits(value: Decimal, pattern: str) -> str:
    if pattern.lower() in ("general", "@"):
        return _general(value)
    whole, _dot, fraction = pattern.partition(".")
    if whole.endswith(","):
        raise _unreadable()  # shows thousands
    try:
        shown = value.quantize(Decimal(1).scaleb(-len(fraction)))
    except InvalidOperation as error:
        raise _unreadable() from error
    if shown != value:
        raise _rounded(value)
    digits, _dot, decimals = f"{shown:f}".partition(".")
    least = fraction.count("0")
    decimals = decimals[:least] + decimals[least:].rstrip("0")
    digits = digits.lstrip("0").zfill(whole.count("0"))
    if "," in whole:
        digits = re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", digits)
    return f"{digits}.{decimals}" if decimals else digits


def _general(value: Decimal) -> str:
    """A number without a format: as many digits as fit into a cell."""
    if value == value.to_integral_value():
        return f"{value:f}"
    text = f"{value:.10g}"
    if "e" in text.lower() or Decimal(text) != value:
        raise _rounded(value)
    return text


def _unreadable() -> UnreadableCell:
    return UnreadableCell(
        _(
            "It is a date, a percentage or the like, which shows another number than it holds."
            " Format the cell as text, and enter what it is to say."
        )
    )


def _rounded(value: Decimal) -> UnreadableCell:
    return UnreadableCell(
        _("It holds %(value)s but shows it rounded. Enter the number that it is to be.")
        % {"value": f"{value:f}"[:50]}
    )
