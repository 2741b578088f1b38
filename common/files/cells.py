"""Texts in the cells of spreadsheets: what the programs do to them, and how they survive it.

What is escaped on the way out is unescaped on the way in, so that a text comes back as it was.
"""

import re
import unicodedata

import regex
from django.utils.translation import gettext as _

from common.files.errors import UnreadableCell

FORMULA_SIGNS = "=+-@\u2212"
"""What a formula begins with: OWASP, "CSV Injection". Full-width forms are signs as well."""

CELL_MAX_LENGTH = 32_767
"""How much text an Excel cell holds, in UTF-16 code units. What is longer damages the file."""

LEFT_OUT = "#TOO_LONG!"
"""Stands in a cell for a text that it can't hold. Read again, it says nothing."""

# What a spreadsheet shows, or writes to a CSV file, where it has no value to tell.
_ERROR = re.compile(r"#N/A|#이름\?|#[A-Z][A-Z0-9/_]*[!?]|#GETTING_DATA|##+|Err:\d{3}")

# Begins neither a formula nor an error; by far the most texts do.
_HARMLESS = re.compile("[0-9A-DF-Za-z가-힣]")

_FORMULA_WITHIN = r"(?=(?:'|[^\S\t\r\n])*[=+\-@\u2212\uff1d\uff0b\uff0d\uff20])"
_CELL_WITHIN = re.compile(rf"(?<=[;\t]){_FORMULA_WITHIN}")
_ESCAPED_WITHIN = re.compile(rf"(?<=[;\t])'{_FORMULA_WITHIN}")

_XML_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


_TAKEN_APART = re.compile("[\u0300-\u036f\u1100-\u11ff\u3099\u309a]")
# Signs upon signs, which no text has: to bring them into their order takes the square of the time.
_PILED_UP = regex.compile(r"(?:^|\p{ccc=0})[^\p{ccc=0}]{31}")


def as_seen(text: str) -> str:
    """A text without what nobody sees: its outer white space, and how it is written.

    That is, how its lines end, and whether its letters are composed (macOS takes 가 apart).
    """
    text = re.sub(r"\r\n?", "\n", text).strip()
    if _TAKEN_APART.search(text) and not _PILED_UP.search(text):
        return unicodedata.normalize("NFC", text)
    return text


def is_error(text: str) -> bool:
    """Whether a cell of this text is one whose value a spreadsheet couldn't tell."""
    return _ERROR.fullmatch(text) is not None


def valueless(text: str) -> UnreadableCell:
    """The refusal of a cell that shows this error."""
    return UnreadableCell(
        _("“%(text)s” is what a spreadsheet says when it has no value.") % {"text": text[:50]}
    )


def escape_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula or an error: behind an apostrophe, if so.

    One is also put between a semicolon or a tab and the sign of a formula: a spreadsheet of another
    country begins a new cell there, quotation marks or not.
    """
    within = _CELL_WITHIN.sub("'", text)
    return f"'{within}" if _is_taken_otherwise(text) else within


def unescape_text(text: str) -> str:
    """The text that `escape_text` was given."""
    text = _ESCAPED_WITHIN.sub("", text)
    return text[1:] if text.startswith("'") and _is_taken_otherwise(text) else text


def _is_taken_otherwise(text: str) -> bool:
    """Whether it is a formula or an error, behind whatever apostrophes, blanks and invisibles."""
    if not text or _HARMLESS.match(text):
        return False
    start = next((at for at, sign in enumerate(text) if not _is_skipped(sign)), len(text))
    core = text[start:].rstrip()
    if not core:
        return False
    sign = unicodedata.normalize("NFKC", core[0])[0]
    before = text[:start]
    return sign in FORMULA_SIGNS or any(blank in "\t\r\n" for blank in before) or is_error(core)


def _is_skipped(letter: str) -> bool:
    return letter == "'" or letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf")


def to_xlsx(text: str) -> str:
    """A text as an Excel file holds it: what XML can't hold is written as `_xFFFF_`."""
    if len(text) <= CELL_MAX_LENGTH // 2 and text.isprintable() and "_x" not in text:
        return text
    lines = re.sub(r"\r\n?", "\n", text)
    written = _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", lines)
    return written if len(written.encode("utf-16-le")) <= 2 * CELL_MAX_LENGTH else LEFT_OUT


def from_xlsx(text: str) -> str:
    """The text that an Excel file holds."""
    if "_x" not in text:
        return text
    read = _XML_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    # Two escapes may be the halves of one character; one half alone is none.
    return read.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
