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
from typing import NamedTuple

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
CODE_MAX_LENGTH = 255
"""Of a format, in every program. Each cell's reading goes through its own once."""
CUSTOM_MAX = 1_000
"""How many formats of its own a file may have: Excel stops at some 250."""
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


class Section(NamedTuple):
    """What a format shows before and after the number or text, and the number's pattern."""

    before: str
    pattern: str
    """Empty: the cell shows none."""
    after: str


def shown_number(stored: str, code: str) -> str:
    """What a cell shows whose number is `stored` and whose format is `code`.

    Raises:
        UnreadableCell: the format isn't one of plain numbers, or shows the number rounded.
    """
    sections, _shows_texts = _sections(code)
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
    if section is None or None in sections:
        raise _unreadable()
    digits = _digits(abs(value), section.pattern) if section.pattern else ""
    return f"{sign}{section.before}{digits}{section.after}".strip()


def shown_text(text: str, code: str) -> str:
    """What a cell shows that holds a text: the text itself.

    Raises:
        UnreadableCell: the format hides it, or shows something else or something more.
    """
    _numbers, shows_texts = _sections(code)
    if text and not shows_texts:
        raise UnreadableCell(
            _(
                "Its format hides the text that it holds, or shows another. Format the cell as"
                " text, and enter what it is to say."
            )
        )
    return text


@lru_cache(maxsize=2 * CUSTOM_MAX)
def _sections(code: str) -> tuple[list[Section | None], bool]:
    """The sections of numbers, None for one that isn't read; and whether texts show as they are."""
    sections = re.sub(f"({_LITERAL})|;", lambda found: found[1] or "\0", code).split("\0")
    *numbers, last = sections[:4]
    if len(numbers) < 3 and "@" not in re.sub(_LITERAL, "", last):
        return [_section(one) for one in sections], True
    texts = _section(last)
    plain = texts and (texts.before.strip(), texts.pattern.lower(), texts.after.strip())
    shows_texts = plain in (("", "@", ""), ("", "general", ""))
    return [_section(one) for one in numbers or [GENERAL]], shows_texts


def _section(code: str) -> Section | None:
    shown = ["", "", ""]
    position = at = 0
    while position < len(code):
        token = _TOKEN.match(code, position)
        if token is None or (at and token["number"]):
            return None
        position = token.end()
        if token["number"]:
            shown[1], at = token["number"], 2
        elif token.lastgroup == "space":
            shown[at] += " "
        elif token.lastgroup not in ("fill", "color"):
            shown[at] += token[token.lastgroup or 0]
    return Section(*shown)


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
        starts = range(-(-len(digits) % 3), len(digits), 3)
        digits = ",".join(digits[max(0, start) : start + 3] for start in starts)
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
