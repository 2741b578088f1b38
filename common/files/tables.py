"""Tables from files: CSV of any usual encoding, and Excel, as the person sees them."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from common.files.cells import as_seen
from common.files.errors import UnreadableFile
from common.files.xlsx import Cell, Package, read_sheet, too_many_lines

SEPARATORS_MAX = 1_000_000
"""Of a CSV file: ten megabytes of commas would be ten million cells."""

csv.field_size_limit(2**31 - 1)  # the file as a whole is bounded already

OLE = b"\xd0\xcf\x11\xe0"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
UTF_8 = "UTF-8"
BOMS = [
    (b"\xef\xbb\xbf", UTF_8),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),  # how Excel saves "Unicode text"
    (b"\xfe\xff", "UTF-16"),
]
KOREAN = "CP949"
"""How a Korean Excel saves "CSV". Nothing in the file says so."""
COMMON_SYLLABLES = {
    bytes([row, cell]).decode(KOREAN) for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF)
}
"""The 2,350 of KS X 1001, of which Korean is written but for a few words."""


@dataclass(slots=True)
class Table:
    """The lines of a file that aren't blank, each its number and its cells."""

    lines: list[tuple[int, list[Cell]]]
    hidden_lines: int = 0
    encoding: str = UTF_8
    """How its letters are written, as staff may know it by name."""
    has_decimal_commas: bool = False
    """Whether it comes from where 1.500 is what others write as 1,500."""


def read_table(content: bytes, *, name: str, lines_max: int, columns_max: int) -> Table:
    """The table in a file called `name`, of at most `lines_max` lines, blank ones included.

    Raises:
        UnreadableFile: it is neither CSV nor an Excel file of today, or larger than that.
    """
    if content.startswith(OLE):
        raise UnreadableFile(
            _("This Excel file has a password. Save it without one.")
            if ENCRYPTED in content
            else _("This is an old Excel file. Save it as .xlsx or as CSV.")
        )
    if content.startswith(b"PK"):
        sheet = read_sheet(Package(content), lines_max=lines_max, columns_max=columns_max)
        return Table(sheet.lines, sheet.hidden_lines)
    if name.lower().endswith((".xlsx", ".xlsm", ".xls", ".ods")):
        raise UnreadableFile(
            _("This is no Excel file, whatever its name says. Save it as .xlsx or as CSV.")
        )
    text, encoding = _decoded(content)
    table = _read_csv(text, lines_max, columns_max)
    table.encoding = encoding
    return table


def _read_csv(text: str, lines_max: int, columns_max: int) -> Table:
    first = re.match(r"\s*([^\r\n]*)", text)
    header = first[1] if first else ""
    if "\0" in header:
        raise _unknown_letters()
    delimiter = max(",;\t", key=header.count)
    if text.count(delimiter) > SEPARATORS_MAX:
        raise UnreadableFile(_("The file has too many cells."))
    lines = []
    for number, cells in _records(text, delimiter):
        if number > lines_max:
            raise too_many_lines(lines_max)
        seen: list[Cell] = [as_seen(cell) for cell in cells[:columns_max]]
        seen += [cell for cell in cells[columns_max:] if cell.strip()][:1]
        if any(seen):
            lines.append((number, seen))
    return Table(lines, has_decimal_commas=delimiter == ";")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from enumerate(reader, start=1)
    except csv.Error as error:
        raise UnreadableFile(
            _("Line %(line)s can't be read as CSV: is a quotation mark missing? (%(error)s)")
            % {"line": reader.line_num, "error": error}
        ) from error


def _decoded(content: bytes) -> tuple[str, str]:
    """The text of a file, and its encoding."""
    marked = next(([encoding] for mark, encoding in BOMS if content.startswith(mark)), None)
    for encoding in marked or [UTF_8, KOREAN]:
        try:
            text = content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
        if encoding != KOREAN or _is_korean(text):
            return text, encoding
    raise _unknown_letters()


def _is_korean(text: str) -> bool:
    """Whether most letters are common syllables; of other encodings nearly all pairs are others."""
    letters = {one: count for one, count in Counter(text).items() if one > "\x7f" and one.isalpha()}
    common = sum(count for one, count in letters.items() if one in COMMON_SYLLABLES)
    return common > 0.75 * sum(letters.values())


def _unknown_letters() -> UnreadableFile:
    return UnreadableFile(_("The letters of this file can't be read. Save it as “CSV UTF-8”."))
