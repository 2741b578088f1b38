"""What a spreadsheet shows of a number, for the formats that tell a number and no more.

A format is up to four sections, for what is positive, negative, zero, and text (ECMA-376, 18.8.31).
Dates, percentages, fractions and powers are formats too, and so is what fills a cell up (`0*0`
shows 5 as 500000): they show another number than is stored, and are told apart by not being read
here.
"""

import re
from decimal import Decimal, InvalidOperation
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
DIGITS_MAX = 15
"""How many digits of a number a spreadsheet keeps."""

_TOKEN = re.compile(
    r"""
      "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | (?P<space>_.) | (?P<fill>\*[ ])
    | \[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]
    | (?P<color>\[(?:black|blue|cyan|green|magenta|red|white|yellow|color\s?\d+)\])
    | (?P<number>general|@|[#0?,]+(?:\.[#0?]+)?)
    | (?P<plain>[-+$():!^&'~{}<>=\ ]|[^\x00-\x7f])
    | (?P<end>;)
    """,
    re.VERBOSE | re.IGNORECASE,
)

_STORED = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

Token = tuple[str, str]


def shown_number(stored: str, code: str) -> str:
    """What a cell shows whose number is `stored` and whose format is `code`.

    Raises:
        UnreadableCell: the format isn't one of plain numbers, or shows the number rounded.
    """
    sections = _sections(code)
    if not _STORED.fullmatch(stored) or isinf(float(stored)):
        raise UnreadableCell(_("It holds no number."))
    value = Decimal(f"{float(stored):.{DIGITS_MAX}g}")
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


def _sections(code: str) -> list[list[Token]]:
    sections: list[list[Token]] = [[]]
    position = 0
    while position < len(code):
        token = _TOKEN.match(code, position)
        if token is None:
            raise _unreadable()
        position = token.end()
        kind = token.lastgroup or ""
        if kind == "end":
            sections.append([])
        elif kind == "space":
            sections[-1].append((kind, " "))
        elif kind not in ("fill", "color"):
            sections[-1].append((kind, token[kind]))
    return sections


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
        text = f"{value:f}"
        if len(text) > DIGITS_MAX:
            raise UnreadableCell(
                _("Excel has shortened this number: format the column as text and enter it again.")
            )
        return text
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
