"""The first sheet of an Excel file as a person sees it, read within bounds.

No reader of the trade tells what is shown: number formats, hidden lines, formulas that were never
calculated (docs/adr/0035). So the parts of the file that say it are read here, and no other part is
unpacked. Bytes and elements are counted as they are read, whatever the file says of its own size.
"""

import io
import posixpath
import struct
import zlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from django.utils.translation import gettext as _

from common.files.cells import CELL_MAX_LENGTH, as_seen, from_xlsx, valueless
from common.files.errors import UnreadableCell, UnreadableFile
from common.files.number_formats import (
    BUILT_IN,
    CODE_MAX_LENGTH,
    CUSTOM_MAX,
    DATE,
    FIRST_CUSTOM,
    GENERAL,
    shown_number,
    shown_text,
)

MEMBERS_MAX = 1_000
UNPACKED_MAX_BYTES = 64_000_000
ELEMENTS_MAX = 800_000
"""Of XML: 20,000 lines of eight cells, each with a text of its own, are 660,000."""
TEXTS_MAX = 200_000
"""Of the texts that cells share."""
TEXT_MAX_LENGTH = 50_000_000
"""Of all cells together: many may show one text, which the file holds once."""
COLUMNS_MAX = 16_384
CHUNK_BYTES = 1 << 20

DAMAGED = (
    *(BadZipFile, zlib.error, EOFError, OSError, struct.error),  # not what was packed
    *(NotImplementedError, RuntimeError),  # packed in another way, or with a password
    *(ExpatError, LookupError, ValueError, OverflowError),  # no such table
)
"""What reading raises at an Excel file that is none, or isn't whole."""

Cell = str | UnreadableCell
"""The text that a cell shows, or why it can't be told."""

Attributes = dict[str, str]


@dataclass(slots=True)
class Sheet:
    """Lines that are seen: each its number and its cells, as far as they aren't blank."""

    lines: list[tuple[int, list[Cell]]] = field(default_factory=list)
    hidden_lines: int = 0
    """How many lines that say something are hidden."""


def read_sheet(package: "Package", *, lines_max: int, columns_max: int) -> Sheet:
    """The first visible sheet, without its hidden lines and columns.

    Blank lines count towards `lines_max`. What stands beyond `columns_max` is gathered in one more
    column, so that it is seen that there is something.

    Raises:
        UnreadableFile: the file is damaged, none of Excel, or larger than what is read.
    """
    try:
        book = _Book(package)
        rows = _Rows(book, lines_max, columns_max)
        package.walk(book.sheet, rows.start, rows.end)
    except UnreadableFile:
        raise
    except DAMAGED as error:
        raise UnreadableFile(
            _("This file can't be read as Excel. Save it anew as .xlsx, or as CSV.")
        ) from error
    return rows.sheet


class Package:
    """A packed file, of which is counted what is read."""

    def __init__(self, content: bytes) -> None:
        self.bytes = self.elements = 0
        self._content = content
        self._archive: ZipFile | None = None

    def walk(
        self,
        name: str,
        start: Callable[[str, Attributes], None],
        end: Callable[[str, str], None] = lambda tag, text: None,
    ) -> None:
        """Read a part: `start` gets an element's name and attributes, `end` its name and text."""
        text: list[str] = []

        def on_start(tag: str, attributes: Attributes) -> None:
            self.elements += 1
            if self.elements > ELEMENTS_MAX:
                raise _too_large()
            text.clear()
            start(tag.rpartition("}")[2], attributes)

        def on_end(tag: str) -> None:
            end(tag.rpartition("}")[2], "".join(text))
            text.clear()

        def on_doctype(*_declared: Any) -> None:
            raise ValueError("no part of an Excel file declares a document type")

        parser = ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
        parser.CharacterDataHandler = text.append
        parser.StartDoctypeDeclHandler = on_doctype
        fed = 0
        for chunk in self._chunks(name):
            parser.Parse(chunk, False)
            fed += len(chunk)
            # The parser begins a comment or a tag that goes on and on anew with each chunk.
            if fed - parser.CurrentByteIndex > 2 * CHUNK_BYTES:
                raise _too_large()
        parser.Parse(b"", True)

    def _chunks(self, name: str) -> Iterator[bytes]:
        if self._archive is None:
            if self._content.count(b"PK\x01\x02") > MEMBERS_MAX:
                raise _too_large()
            self._archive = ZipFile(io.BytesIO(self._content))
        if self._archive.getinfo(name).compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise NotImplementedError("packed as Excel packs nothing")
        with self._archive.open(name) as part:
            while chunk := part.read(CHUNK_BYTES):
                self.bytes += len(chunk)
                if self.bytes > UNPACKED_MAX_BYTES:
                    raise _too_large()
                yield chunk


class _Book:
    """What the cells of a sheet refer to: texts and formats; and which sheet comes first."""

    def __init__(self, package: Package) -> None:
        self.texts: list[str] = []
        self.formats: list[str] = []
        self.formats_on_condition: set[str] = set()
        """By their numbers, what a condition does to cells: those that format numbers anew."""
        self.is_stale = False
        """Whether Excel will calculate all formulas anew, so that nobody sees what is stored."""
        self._package = package
        (path,) = self._related("", "officeDocument").values()
        sheets = self._related(path, "worksheet")
        self.sheet = sheets[self._first_visible(path, sheets)]
        for strings in self._related(path, "sharedStrings").values():
            self._read_texts(strings)
        for styles in self._related(path, "styles").values():
            self._read_formats(styles)

    def _related(self, path: str, kind: str) -> dict[str, str]:
        """The parts of a kind that the part at `path` refers to, by the ids that it uses."""
        folder, name = posixpath.split(path)
        found = {}

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "Relationship" and attributes["Type"].endswith(f"/{kind}"):
                target = posixpath.join("/", folder, attributes["Target"])
                found[attributes["Id"]] = posixpath.normpath(target).lstrip("/")

        self._package.walk(posixpath.join(folder, "_rels", f"{name}.rels"), start)
        return found

    def _first_visible(self, path: str, sheets: Collection[str]) -> str:
        visible: list[str] = []

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "sheet" and attributes.get("state", "visible") == "visible":
                keys = {value for name, value in attributes.items() if name.endswith("}id")}
                visible.extend(keys.intersection(sheets))
            elif tag == "calcPr":
                self.is_stale = _is_true(attributes.get("fullCalcOnLoad"))

        self._package.walk(path, start)
        if not visible:
            raise UnreadableFile(_("All sheets of this file are hidden. Show the one to be read."))
        return visible[0]

    def _read_texts(self, path: str) -> None:
        parts: list[str] = []

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "si":
                parts.clear()

        def end(tag: str, text: str) -> None:
            if tag == "t":
                parts.append(text)
            elif tag == "rPh":
                parts.pop()  # how a text is pronounced is no part of it
            elif tag == "si":
                self.texts.append(as_seen(from_xlsx("".join(parts))))
                if len(self.texts) > TEXTS_MAX:
                    raise _too_large()

        self._package.walk(path, start, end)

    def _read_formats(self, path: str) -> None:
        custom: dict[int, str] = {}
        sections: list[str] = []
        conditional = -1

        def start(tag: str, attributes: Attributes) -> None:
            nonlocal conditional
            if tag == "dxf":
                conditional += 1
            elif tag == "numFmt" and sections[-1:] == ["dxfs"]:
                self.formats_on_condition.add(str(conditional))
            elif tag == "numFmt":
                custom[int(attributes["numFmtId"])] = code = attributes["formatCode"]
                if len(code) > CODE_MAX_LENGTH or len(custom) > CUSTOM_MAX:
                    raise _too_large()
            elif tag == "xf" and sections[-1:] == ["cellXfs"]:
                number = int(attributes.get("numFmtId", 0))
                unknown = GENERAL if number >= FIRST_CUSTOM else DATE
                self.formats.append(custom.get(number) or BUILT_IN.get(number, unknown))
            elif tag in ("cellXfs", "cellStyleXfs", "dxfs"):
                sections.append(tag)

        self._package.walk(path, start)


class _Rows:
    """The lines of a sheet, as its elements come."""

    def __init__(self, book: _Book, lines_max: int, columns_max: int) -> None:
        self.sheet = Sheet()
        self._book = book
        self._lines_max, self._columns_max = lines_max, columns_max
        self._hidden: list[int] = []
        self._length = self._count = self._number = self._column = 0
        self._is_hidden = False
        self._cells: dict[int, Cell] = {}
        self._cell: Attributes = {}
        self._value: str | None = None
        self._texts: list[str] = []
        self._has_formula = self._hides_zeros = self._is_reshown = False
        self._range: str | None = None

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "c":
            self._cell, self._value, self._has_formula = attributes, None, False
            self._texts.clear()
            self._column = self._place(attributes.get("r"))
        elif tag == "f":
            self._has_formula = True
        elif tag == "row":
            self._start_row(attributes)
        elif tag == "col" and _is_hidden(attributes, "width"):
            self._hide_columns(int(attributes["min"]), int(attributes["max"]))
        elif tag == "sheetView":
            self._hides_zeros = _is_false(attributes.get("showZeros"))
        elif tag == "mergeCell":
            _refuse_merged(attributes["ref"])
        elif tag == "conditionalFormatting":
            self._range, self._is_reshown = attributes.get("sqref"), False
        elif (
            (tag == "cfRule" and attributes.get("dxfId") in self._book.formats_on_condition)
            or (tag in ("dataBar", "iconSet") and _is_false(attributes.get("showValue")))
            or tag == "numFmt"
        ):
            self._is_reshown = True

    def end(self, tag: str, text: str) -> None:
        if tag == "v":
            self._value = text
        elif tag == "t":
            self._texts.append(text)
        elif tag == "rPh":
            self._texts.pop()
        elif tag == "c":
            self._end_cell()
        elif tag == "row":
            self._end_row()
        elif tag == "cols":
            self._hidden.sort()
        elif tag == "sqref":
            self._range = text
        elif tag == "conditionalFormatting" and self._is_reshown:
            raise _reshown(self._range or "")

    def _hide_columns(self, first: int, last: int) -> None:
        if not 1 <= first <= last <= COLUMNS_MAX - len(self._hidden):
            raise ValueError("no such columns")
        self._hidden.extend(range(first, last + 1))

    def _start_row(self, attributes: Attributes) -> None:
        number = int(attributes.get("r", self._number + 1))
        if number <= self._number:
            raise ValueError("lines are in their order")
        self._number, self._column = number, 0
        self._cells = {}
        self._is_hidden = _is_hidden(attributes, "ht")
        self._count += 1
        if self._count > self._lines_max:
            raise too_many_lines(self._lines_max)

    def _place(self, reference: str | None) -> int:
        if reference is None:
            return self._column + 1
        column = 0
        for letter in reference.rstrip("0123456789"):
            column = column * 26 + ascii_uppercase.index(letter) + 1
            if column > COLUMNS_MAX:
                raise ValueError("no such column")
        return column

    def _end_cell(self) -> None:
        if not (self._value or self._texts or self._has_formula):
            return
        cell: Cell
        try:
            cell = self._shown()
        except UnreadableCell as error:
            cell = error
        place = bisect_left(self._hidden, self._column)
        if cell == "" or self._hidden[place : place + 1] == [self._column]:
            return
        self._length += len(cell) if isinstance(cell, str) else 0
        if self._length > TEXT_MAX_LENGTH:
            raise _too_large()
        self._cells[min(self._column - place, self._columns_max + 1)] = cell

    def _shown(self) -> str:
        kind = self._cell.get("t", "n")
        if self._has_formula and (self._book.is_stale or not (self._value or kind == "str")):
            raise UnreadableCell(
                _("Its formula was never calculated. Open the file, and save it with its results.")
            )
        if kind in ("s", "inlineStr", "str"):
            return shown_text(self._text(kind), self._format())
        if not self._value:
            return ""
        if kind == "b":
            return shown_text("TRUE" if _is_true(self._value) else "FALSE", self._format())
        if kind == "e":
            raise valueless(self._value)
        shown = shown_number(self._value, self._format() if kind == "n" else DATE)
        return "" if self._hides_zeros and float(self._value) == 0 else shown

    def _text(self, kind: str) -> str:
        if kind == "s":
            text = _at(self._book.texts, self._value) if self._value else ""
        else:
            text = as_seen(from_xlsx("".join(self._texts) + (self._value or "")))
        if len(text) > CELL_MAX_LENGTH:
            raise UnreadableCell(_("It has more text than an Excel cell can have."))
        return text

    def _format(self) -> str:
        style = self._cell.get("s")
        return _at(self._book.formats, style) if style and self._book.formats else GENERAL

    def _end_row(self) -> None:
        if not self._cells:
            return
        if self._is_hidden:
            self.sheet.hidden_lines += 1
            return
        width = max(self._cells)
        cells = [self._cells.get(column, "") for column in range(1, width + 1)]
        self.sheet.lines.append((self._number, cells))


def _at(values: Sequence[str], index: str) -> str:
    if not index.isdecimal():
        raise ValueError("no index")
    return values[int(index)]


def _refuse_merged(reference: str) -> None:
    first, _colon, last = reference.partition(":")
    if last not in ("", first):
        raise UnreadableFile(
            _("The cells %(cells)s are merged: unmerge them, and give each its own value.")
            % {"cells": reference[:50]}
        )


def _reshown(cells: str) -> UnreadableFile:
    return UnreadableFile(
        _(
            "Conditional formatting of the cells %(cells)s hides numbers, or shows them in another"
            " way. Remove it."
        )
        % {"cells": cells[:50]}
    )


def _is_hidden(attributes: Attributes, size: str) -> bool:
    return _is_true(attributes.get("hidden")) or float(attributes.get(size, 1)) == 0


def _is_true(value: str | None) -> bool:
    return value in ("1", "true")


def _is_false(value: str | None) -> bool:
    return value in ("0", "false")


def _too_large() -> UnreadableFile:
    return UnreadableFile(
        _("The file is too large when it is unpacked. Save the sheet alone, or as CSV.")
    )


def too_many_lines(lines_max: int) -> UnreadableFile:
    """The refusal of a file whose lines, blank ones too, are more than `lines_max`."""
    return UnreadableFile(
        _("The file has more than %(max)s lines, blank ones included. Split it.")
        % {"max": f"{lines_max - 1:,}"}
    )
