"""Reading products from the files that staff have: CSV of any usual encoding, and Excel.

A file that can't be read at all raises `UnreadableFile`; what is wrong with a line is said of that
line, in words for the person who made the file.
"""

import csv
import io
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zipfile import BadZipFile, ZipFile

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ecommerce.common.spreadsheets import unescape_formula
from products.models import PRICE_MAX, STOCK_MAX, Category, validate_sku
from products.services import ImportRow

COLUMNS = [
    "sku",
    "name",
    "description",
    "category",
    "price",
    "is_active",
    "stock",
    "stock_adjustment",
]
ROWS_MAX = 20_000
FILE_MAX_BYTES = 10_000_000
UNPACKED_MAX_BYTES = 200_000_000
CELLS_MAX = 50

DAMAGED = (
    *(BadZipFile, zlib.error, EOFError, OSError),  # not what was packed
    *(NotImplementedError, RuntimeError),  # packed in another way, or with a password
    *(KeyError, ValueError, IndexError, TypeError, AttributeError, SyntaxError),  # no such table
)
"""What the libraries raise at an Excel file that is none, or isn't whole."""

YES = {"true", "yes", "y", "1", "예", "네"}
NO = {"false", "no", "n", "0", "아니오", "아니요"}
WHOLE_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.0+)?")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class UnreadableFile(ValidationError):
    """The file as a whole is no table of products."""


@dataclass(slots=True)
class Line:
    """A line of the file: its cells by column, what it says, and what is wrong with it."""

    number: int
    cells: dict[str, str]
    row: ImportRow | None = None
    errors: dict[str, str] = field(default_factory=dict)


# --- Tables -------------------------------------------------------------------------------------


def read_table(content: bytes) -> list[tuple[int, list[str]]]:
    """The lines of a file that aren't blank, each with its number, the header first.

    Raises:
        UnreadableFile: it is empty, too large, or neither CSV nor an Excel file of today.
    """
    if len(content) > FILE_MAX_BYTES:
        raise UnreadableFile(
            _("The file is larger than %(max)s MB.") % {"max": FILE_MAX_BYTES // 1_000_000}
        )
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile(_("This is an old Excel file. Save it as .xlsx or as CSV."))
    lines = _read_xlsx(content) if content.startswith(b"PK") else _read_csv(content)
    table = []
    for number, cells in lines:
        if any(cells):
            table.append((number, cells))
        if len(table) > ROWS_MAX + 1:
            raise UnreadableFile(
                _("The file has more than %(max)s lines. Split it.") % {"max": f"{ROWS_MAX:,}"}
            )
    if len(table) < 2:
        raise UnreadableFile(_("The file has no lines of products."))
    return table


def _read_csv(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(content)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UnreadableFile(
            _("Line %(line)s can't be read as CSV: is a quotation mark missing? (%(error)s)")
            % {"line": reader.line_num, "error": error}
        ) from error


def _decoded(content: bytes) -> str:
    encodings = ["utf-8-sig", "cp949"]  # cp949 is how a Korean Excel saves "CSV"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]  # and this, "Unicode text"
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile(_("The letters of this file can't be read. Save it as “CSV UTF-8”."))


def _read_xlsx(content: bytes) -> Iterator[tuple[int, list[str]]]:
    from openpyxl import load_workbook  # noqa: PLC0415  slow to import, rarely needed

    unreadable = _("This Excel file can't be read. Save it anew as .xlsx, or as CSV.")
    try:
        _ensure_small(content)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its own size need not be so
        rows = sheet.iter_rows(values_only=True, max_col=CELLS_MAX)
        for number, cells in enumerate(rows, start=1):
            yield number, [_cell_text(cell) for cell in cells]
    except UnreadableFile:
        raise
    except DAMAGED as error:
        raise UnreadableFile(unreadable) from error


def _ensure_small(content: bytes) -> None:
    with ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > UNPACKED_MAX_BYTES:
        raise UnreadableFile(_("The file is too large when it is unpacked."))


def _cell_text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, (date, datetime)):
        return cell.isoformat()
    return str(cell).strip()


# --- Lines --------------------------------------------------------------------------------------


def read_lines(content: bytes) -> list[Line]:
    """What each line of a file says about a product, or what is wrong with the line.

    Raises:
        UnreadableFile: as `read_table`, or the header isn't one of products.
    """
    (_number, header), *table = read_table(content)
    columns = _columns(header)
    categories = {category.name: category for category in Category.objects.all()}
    lines = []
    first_by_sku: dict[str, int] = {}
    for number, cells in table:
        line = Line(number, dict(zip(columns, cells, strict=False)))
        if any(cells[len(columns) :]):
            line.errors["sku"] = _("This line has more cells than the header.")
        _read_line(line, categories)
        sku = line.cells.get("sku", "")
        first = first_by_sku.setdefault(sku, number)
        if sku and first != number:
            line.errors["sku"] = _("Line %(line)s has this SKU already.") % {"line": first}
            line.row = None
        lines.append(line)
    return lines


def _columns(header: Iterable[str]) -> list[str]:
    columns = [name.strip().lower().replace(" ", "_") for name in header]
    while columns and not columns[-1]:
        columns.pop()
    known = _("Known are: %(columns)s.") % {"columns": ", ".join(COLUMNS)}
    if unknown := [name for name in columns if name not in COLUMNS]:
        named = ", ".join(name or _("(empty)") for name in unknown[:5])
        raise UnreadableFile(
            _("The header has columns that aren't known: %(names)s.") % {"names": named}
            + f" {known}"
        )
    if len(set(columns)) < len(columns):
        raise UnreadableFile(_("The header has a column twice."))
    if "sku" not in columns:
        raise UnreadableFile(_("The header has no column sku.") + f" {known}")
    return columns


def _read_line(line: Line, categories: dict[str, Category]) -> None:
    readers: dict[str, Callable[[str], Any]] = {
        "sku": _sku,
        "name": _text,
        "description": _text,
        "category": lambda text: _category(text, categories),
        "price": lambda text: _whole(text, 0, PRICE_MAX),
        "is_active": _yes_or_no,
        "stock": lambda text: _whole(text, 0, STOCK_MAX),
        "stock_adjustment": lambda text: _whole(text, -STOCK_MAX, STOCK_MAX),
    }
    said: dict[str, Any] = {}
    for column in COLUMNS:
        text = line.cells.get(column, "")
        if not text and column != "sku":
            continue  # an empty cell says nothing
        try:
            said[column] = readers[column](text)
        except ValidationError as error:
            line.errors.setdefault(column, " ".join(error.messages))
    if not line.errors:
        line.row = ImportRow(number=line.number, **said)


def _sku(text: str) -> str:
    if not text:
        raise ValidationError(_("Each line needs a SKU."))
    if re.fullmatch(r"\d+([.,]\d+)?[eE]\+?\d+", text):
        raise ValidationError(
            _("Excel has shortened this number: format the column as text and enter it again.")
        )
    validate_sku(text)
    return text


def _text(text: str) -> str:
    if CONTROL.search(text):
        raise ValidationError(_("It has control characters."))
    return unescape_formula(text)


def _category(text: str, categories: dict[str, Category]) -> Category:
    try:
        return categories[unescape_formula(text)]
    except KeyError:
        raise ValidationError(
            _("There is no category “%(name)s”. Add it first, or correct its name.")
            % {"name": text[:100]}
        ) from None


def _whole(text: str, least: int, most: int) -> int:
    plain = unicodedata.normalize("NFKC", text).replace("₩", "").replace("원", "").strip()
    if not WHOLE_NUMBER.fullmatch(plain):
        raise ValidationError(_("“%(text)s” is no whole number.") % {"text": text[:50]})
    digits = plain.split(".")[0].replace(",", "")
    number = int(digits) if len(digits) <= 20 else most + 1  # more digits than anything has
    if not least <= number <= most:
        raise ValidationError(
            _("It must be from %(least)s to %(most)s.")
            % {"least": f"{least:,}", "most": f"{most:,}"}
        )
    return number


def _yes_or_no(text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain in YES | NO:
        return plain in YES
    raise ValidationError(_("“%(text)s” is neither yes nor no.") % {"text": text[:50]})


def rows_of(lines: Sequence[Line]) -> list[ImportRow]:
    """What the lines without errors say."""
    return [line.row for line in lines if line.row is not None]
