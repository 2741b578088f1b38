"""What the lines of a file say about products, or what is wrong with them."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import BooleanField, IntegerField
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from common.files.cells import LEFT_OUT, as_seen, is_error, unescape_text, valueless
from common.files.errors import UnreadableFile
from common.files.tables import UTF_8, read_table
from common.files.xlsx import Cell
from common.texts import INVISIBLE, validate_is_plain
from products.models import DESCRIPTIVE, STOCK_MAX, Category, Product, validate_sku, validate_width
from products.services import ImportRow

COLUMNS = [*DESCRIPTIVE, "stock", "stock_adjustment"]
KOREAN = {
    "sku": "상품코드",
    "name": "상품명",
    "description": "설명",
    "category": "카테고리",
    "price": "가격",
    "is_active": "판매여부",
    "stock": "재고",
    "stock_adjustment": "재고조정",
}
"""What a header may say instead of the columns' names."""
ROWS_MAX = 20_000
COLUMNS_MAX = 50

YES = {"true", "yes", "y", "1", "예", "네"}
NO = {"false", "no", "n", "0", "아니오", "아니요"}

WHOLE_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*|[1-9][0-9]{0,2}(,[0-9]{3})+)(\.00?)?")
# One and a half here, fifteen hundred there.
AMBIGUOUS = re.compile(r"[+-]?[0-9]{1,3}([.,][0-9]{3})+([.,][0-9]*)?")
SHORTENED = re.compile(r"[0-9]+([.,][0-9]+)?[eE]\+[0-9]+")
WON = re.compile(r"[₩\\] ?(.*)|(.*?) ?원")  # in Korean letters of old, a backslash looks like ₩
FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0xFFE6: 0x20A9}


@dataclass(slots=True)
class Line:
    """A line of the file: its cells by column, what it says, and what is wrong with it."""

    number: int
    cells: dict[str, Cell]
    row: ImportRow | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def sku(self) -> str:
        """Which product the line is about, as far as it can be told."""
        cell = self.cells.get("sku", "")
        return cell[:100] if isinstance(cell, str) else ""


@dataclass(slots=True)
class ProductFile:
    """The lines of a file of products, without its blank and hidden ones."""

    lines: list[Line]
    hidden_lines: int = 0
    encoding: str = UTF_8
    headers: dict[str, str] = field(default_factory=dict)
    """What the file calls the columns that it has."""

    @property
    def rows(self) -> list[ImportRow]:
        """What the lines without errors say."""
        return [line.row for line in self.lines if line.row is not None]


def read_products(content: bytes, *, name: str) -> ProductFile:
    """What each line of the file called `name` says about a product.

    Raises:
        UnreadableFile: it can't be read, or is no table of products.
    """
    table = read_table(content, name=name, lines_max=ROWS_MAX + 1, columns_max=COLUMNS_MAX)
    if len(table.lines) < 2:
        raise UnreadableFile(_("The file has no lines of products."))
    (number, header), *lines = table.lines
    columns = _columns(number, header)
    readers = _readers(may_group=not table.has_decimal_commas)
    first_by_sku: dict[str, int] = {}
    return ProductFile(
        [_read_line(number, cells, columns, readers, first_by_sku) for number, cells in lines],
        table.hidden_lines,
        table.encoding,
        {column: str(cell) for column, cell in zip(columns, header, strict=False)},
    )


def headers() -> dict[str, str]:
    """What the columns of a file are called in the language of the moment."""
    return KOREAN if get_language() == "ko" else dict(zip(COLUMNS, COLUMNS, strict=True))


def _columns(number: int, header: Iterable[Cell]) -> list[str]:
    by_word = {_word(word): name for name in COLUMNS for word in (name, KOREAN[name])}
    columns = []
    for cell in header:
        if not isinstance(cell, str):
            line = _("Line %(line)s") % {"line": number}
            raise UnreadableFile(f"{line}: {cell.message}")
        word = _word(cell[:100])
        columns.append(by_word.get(word, cell if word else ""))
    while columns and not columns[-1]:
        columns.pop()
    known = _("Known are: %(columns)s.") % {"columns": ", ".join([*COLUMNS, *KOREAN.values()])}
    if unknown := [name for name in columns if name not in COLUMNS]:
        named = ", ".join(name[:50] or _("(empty)") for name in unknown[:5])
        raise UnreadableFile(
            _("The header has columns that aren't known: %(names)s.") % {"names": named}
            + f" {known}"
        )
    if len(set(columns)) < len(columns):
        raise UnreadableFile(_("The header has a column twice."))
    if "sku" not in columns:
        missing = _("The header has no column %(column)s.") % {"column": headers()["sku"]}
        raise UnreadableFile(f"{missing} {known}")
    return columns


def _word(header: str) -> str:
    """A header as it is compared: of any case and width, without blanks and what can't be seen."""
    return re.sub(r"[\s_]", "", INVISIBLE.sub("", unicodedata.normalize("NFKC", header))).casefold()


Readers = dict[str, Callable[[str], Any]]


def _readers(*, may_group: bool) -> Readers:
    categories: dict[str, Category] = {}
    for category in Category.objects.order_by("-pk"):
        categories[as_seen(category.name)] = category
    special: Readers = {
        "sku": _sku,
        "category": lambda text: _category(text, categories),
        "stock_adjustment": lambda text: _whole(text, -STOCK_MAX, STOCK_MAX, may_group),
    }
    return {name: special.get(name) or _reader_of(name, may_group) for name in COLUMNS}


def _reader_of(column: str, may_group: bool) -> Callable[[str], Any]:
    """How a cell of a product's column is read, by the column's type and bounds."""
    field = Product._meta.get_field(column)
    if isinstance(field, BooleanField):
        return _yes_or_no
    if isinstance(field, IntegerField):
        rules: Iterable[Any] = field.validators
        (least,) = (rule.limit_value for rule in rules if isinstance(rule, MinValueValidator))
        (most,) = (rule.limit_value for rule in rules if isinstance(rule, MaxValueValidator))
        return lambda text: _whole(text, least, most, may_group)
    return _text


def _read_line(
    number: int,
    cells: list[Cell],
    columns: list[str],
    readers: Readers,
    first_by_sku: dict[str, int],
) -> Line:
    line = Line(number, dict(zip(columns, cells, strict=False)))
    if any(cells[len(columns) :]):
        line.errors["sku"] = _("This line has more cells than the header.")
    said: dict[str, Any] = {}
    for column in COLUMNS:
        cell = line.cells.get(column, "")
        if cell in ("", LEFT_OUT) and column != "sku":
            continue  # says nothing
        try:
            if not isinstance(cell, str):
                raise cell
            said[column] = readers[column](cell)
        except ValidationError as error:
            line.errors.setdefault(column, _why(cell, error))
    sku = line.sku
    first = first_by_sku.setdefault(sku, number)
    if sku and first != number:
        line.errors["sku"] = _("Line %(line)s has this SKU already.") % {"line": first}
    if not line.errors:
        stock = {name: said.pop(name, None) for name in ("stock", "stock_adjustment")}
        line.row = ImportRow(number, said.pop("sku"), said, **stock)
    return line


def _why(cell: Cell, error: ValidationError) -> str:
    """What is wrong with a cell: what can't be seen before all else, since nobody looks for it."""
    try:
        validate_is_plain(cell if isinstance(cell, str) else "")
    except ValidationError as unseen:
        error = unseen
    return " ".join(error.messages)


def _sku(text: str) -> str:
    if not text:
        raise ValidationError(_("Each line needs a SKU."))
    if SHORTENED.fullmatch(text):
        raise ValidationError(
            _("Excel has shortened this number: format the column as text and enter it again.")
        )
    validate_sku(text)
    validate_width(text)
    return text


def _text(text: str) -> str:
    if text.startswith("="):
        raise ValidationError(_("This is a formula. Enter its result; or begin it with '=."))
    if is_error(text):
        raise valueless(text)
    return as_seen(unescape_text(text))


def _category(text: str, categories: dict[str, Category]) -> Category:
    try:
        return categories[_text(text)]
    except KeyError:
        raise ValidationError(
            _("There is no category “%(name)s”. Add it first, or correct its name.")
            % {"name": text[:100]}
        ) from None


def _whole(text: str, least: int, most: int, may_group: bool) -> int:
    plain = text.translate(FULL_WIDTH)
    if won := WON.fullmatch(plain):
        plain = won[1] or won[2] or ""
    if not WHOLE_NUMBER.fullmatch(plain) or not (may_group or plain.lstrip("+-").isdecimal()):
        if AMBIGUOUS.fullmatch(plain):
            raise ValidationError(
                _("“%(text)s” isn't the same number everywhere. Write it without dots and commas.")
                % {"text": text[:50]}
            )
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
    plain = text.translate(FULL_WIDTH).casefold()
    if plain in YES | NO:
        return plain in YES
    raise ValidationError(_("“%(text)s” is neither yes nor no.") % {"text": text[:50]})
