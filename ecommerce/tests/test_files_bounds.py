"""What a file may cost: the kind is a small file that unpacks, or reads, into a large one.

Shown by what was read before the refusal, in bytes, elements and lines: seconds are the machine's.
"""

import io
import struct
import tracemalloc
from collections.abc import Callable
from unittest.mock import Mock
from zipfile import ZIP_LZMA, ZipFile

import pytest

from common.files import number_formats, tables, xlsx
from common.files.cells import as_seen
from common.files.errors import UnreadableFile
from common.files.number_formats import CUSTOM_MAX
from common.files.tables import read_table
from common.files.xlsx import Package, read_sheet
from ecommerce.tests.workbooks import Parts, number, packed, parts_of, row, sheet, text

LINES_MAX, COLUMNS_MAX = 20_001, 50
REAL = {name: getattr(xlsx, name) for name in ("ELEMENTS_MAX", "UNPACKED_MAX_BYTES", "CHUNK_BYTES")}
SMALL = {"ELEMENTS_MAX": 30_000, "UNPACKED_MAX_BYTES": 2_000_000, "CHUNK_BYTES": 1 << 15}
SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
HEADER = row(1, text("A1", "sku"))


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits in proportion, so that the bombs are small."""
    for name, limit in SMALL.items():
        monkeypatch.setattr(xlsx, name, limit)


@pytest.fixture
def _real_limits(_small_limits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in REAL.items():
        monkeypatch.setattr(xlsx, name, limit)


def refused(content: bytes) -> tuple[Package, str]:
    """What was read of a file until it was refused, and why it was."""
    package = Package(content)
    with pytest.raises(UnreadableFile) as refusal:
        read_sheet(package, lines_max=LINES_MAX, columns_max=COLUMNS_MAX)
    return package, refusal.value.messages[0]


def with_part(name: str, content: str | bytes) -> Parts:
    return parts_of(HEADER) | {name: content}


def part_of(whole: str, inner: str) -> str:
    """An XML part, with so much in it before its end."""
    head, end = whole.rsplit("</", 1)
    return f"{head}{inner}</{end}"


@pytest.mark.parametrize(
    "inner",
    [
        "<row/>" * 60_000,
        '<row r="5"/>' * 60_000,
        row(2, "<c/>" * 60_000),
        row(2, '<c r="XFD2"/>' * 60_000),
        "".join(row(n, "<c/>" * 16_384) for n in range(2, 20)),
        "<a>" * 60_000,
    ],
    ids=["blank-rows", "a-row-twice", "blank-cells", "last-column", "whole-rows", "deep"],
)
def test_rows_and_cells_are_counted_as_they_are_read(inner: str) -> None:
    package, why = refused(packed(with_part(SHEET, sheet(HEADER + inner))))
    assert package.elements <= xlsx.ELEMENTS_MAX + 1
    assert why.startswith(("The file ", "This file can't be read as Excel."))


@pytest.mark.parametrize("name", [STRINGS, STYLES, "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("inner", ["<si><t>x</t></si>", "<xf/>", "<sheet/>", "<a>", "<numFmt/>"])
def test_elements_count_in_every_part_that_is_read(name: str, inner: str) -> None:
    many = inner * 60_000
    package, why = refused(packed(with_part(name, part_of(str(parts_of()[name]), many))))
    assert package.elements <= xlsx.ELEMENTS_MAX + 1
    assert why.startswith(("The file ", "This file can't be read as Excel."))


@pytest.mark.parametrize(
    "name", [SHEET, STRINGS, STYLES, "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"]
)
@pytest.mark.parametrize(
    "filling", [" {}", "<!--{}-->", "<?a {}?>", "<t>{}</t>", '<t a="{}"/>', "<t {}/>"]
)
def test_bytes_count_in_every_part_that_is_read(name: str, filling: str) -> None:
    inner = filling.replace("{}", " " * 4_000_000)
    content = packed(with_part(name, part_of(str(parts_of(HEADER)[name]), inner)))
    assert len(content) < 10_000
    package, why = refused(content)
    assert package.bytes <= xlsx.UNPACKED_MAX_BYTES + xlsx.CHUNK_BYTES
    assert why.startswith("The file is too large when it is unpacked.")
    if filling not in (" {}", "<t>{}</t>"):  # what must be read as one
        assert package.bytes <= 4 * xlsx.CHUNK_BYTES + 10_000


@pytest.mark.usefixtures("_real_limits")
@pytest.mark.parametrize(
    ("name", "inner", "elements"),
    [
        (SHEET, "<row/>" * 6_000_000, LINES_MAX),
        (STRINGS, "<si><t>x</t></si>" * 2_000_000, 2 * xlsx.TEXTS_MAX),
    ],
)
def test_a_small_file_of_millions_is_refused_after_some(
    name: str, inner: str, elements: int
) -> None:
    package, why = refused(packed(with_part(name, part_of(str(parts_of()[name]), inner))))
    assert package.elements <= elements + 40
    assert why.startswith("The file ")


@pytest.mark.parametrize(
    "name",
    [
        "xl/drawings/drawing1.xml", "xl/comments1.xml", "xl/externalLinks/externalLink1.xml",
        "xl/media/image1.png", "xl/worksheets/sheet2.xml", "xl/embeddings/book.xlsx",
        "docProps/app.xml", "xl/theme/theme1.xml", "[Content_Types].xml",
    ],
)  # fmt: skip
def test_what_says_nothing_of_the_sheet_is_not_even_unpacked(name: str) -> None:
    parts = parts_of(HEADER + row(2, text("A2", "A-1")))
    bomb = packed(parts | {name: b"<a>" * 1_000_000})
    package, plain = Package(bomb), Package(packed(parts))
    found, expected = (
        read_sheet(one, lines_max=LINES_MAX, columns_max=COLUMNS_MAX) for one in (package, plain)
    )
    assert found == expected
    assert package.bytes == plain.bytes


def test_what_a_file_says_of_its_own_size_is_not_believed() -> None:
    parts = parts_of(HEADER + "<row/>" * 100_000)
    content = bytearray(packed(parts))
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.index(mark)
        while at >= 0:
            content[at + offset : at + offset + 4] = struct.pack("<I", 7)
            at = content.find(mark, at + 4)
    package, why = refused(bytes(content))
    assert package.bytes <= xlsx.UNPACKED_MAX_BYTES
    assert why.startswith("This file can't be read as Excel.")
    dimension = '<dimension ref="A1:XFD1048576"/>'
    lying = packed(parts_of(HEADER + row(1_048_576, text("XFD1048576", "x")), before=dimension))
    found = read_sheet(Package(lying), lines_max=LINES_MAX, columns_max=COLUMNS_MAX)
    assert found.lines == [(1, ["sku"]), (1_048_576, [""] * COLUMNS_MAX + ["x"])]


@pytest.mark.parametrize("dimension", ["A1", "A1:A1", "B7:C9", "A1:XFD1048576", "", "nonsense"])
def test_a_dimension_that_lies_hides_nothing(dimension: str) -> None:
    rows = HEADER + row(2, text("A2", "x"), text("D2", "y")) + row(9, text("A9", "z"))
    content = packed(parts_of(rows, before=f'<dimension ref="{dimension}"/>'))
    found = read_sheet(Package(content), lines_max=LINES_MAX, columns_max=COLUMNS_MAX)
    assert found.lines == [(1, ["sku"]), (2, ["x", "", "", "y"]), (9, ["z"])]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("columns", "kept"), [(2, "ab"), (3, "abc"), (4, "abcd"), (5, "abcd"), (6, "abcd")]
)
def test_beyond_the_last_column_one_more_says_that_there_is_something(
    kind: str, columns: int, kept: str
) -> None:
    letters = "abcdddd"[:columns]
    if kind == "csv":
        content = ",".join(letters).encode()
    else:
        cells = (text(f"{chr(65 + at)}1", letter) for at, letter in enumerate(letters))
        content = packed(parts_of(row(1, *cells)))
    table = read_table(content, name=f"a.{kind}", lines_max=1, columns_max=3)
    assert table.lines == [(1, list(kept))]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_lines_are_read_up_to_the_bound(kind: str) -> None:
    def content(count: int) -> bytes:
        if kind == "csv":
            return b"a\n" * count
        return packed(parts_of("".join(row(n, text(f"A{n}", "a")) for n in range(1, count + 1))))

    whole = read_table(content(3), name=f"a.{kind}", lines_max=3, columns_max=1)
    assert [number for number, _ in whole.lines] == [1, 2, 3]
    with pytest.raises(UnreadableFile, match="more than 2 lines"):
        read_table(content(4), name=f"a.{kind}", lines_max=3, columns_max=1)


def test_separators_are_counted_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SEPARATORS_MAX", 3)
    assert read_table(b"a,b\nc,d\ne,f", name="a.csv", lines_max=9, columns_max=9).lines
    with pytest.raises(UnreadableFile, match="too many cells"):
        read_table(b"a,b\nc,d\ne,f,", name="a.csv", lines_max=9, columns_max=9)


@pytest.mark.parametrize(
    ("name", "limit"), [("UNPACKED_MAX_BYTES", "bytes"), ("ELEMENTS_MAX", "elements")]
)
def test_what_is_unpacked_is_read_up_to_the_bound(
    name: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed(parts_of(HEADER + row(2, text("A2", "x"))))

    def read() -> Package:
        package = Package(content)
        read_sheet(package, lines_max=LINES_MAX, columns_max=COLUMNS_MAX)
        return package

    needed = getattr(read(), limit)
    monkeypatch.setattr(xlsx, name, needed)
    assert getattr(read(), limit) == needed
    monkeypatch.setattr(xlsx, name, needed - 1)
    with pytest.raises(UnreadableFile, match="too large when it is unpacked"):
        read()


def test_members_are_counted_before_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed(parts_of(HEADER) | {f"xl/{n}.xml": "" for n in range(xlsx.MEMBERS_MAX)})
    monkeypatch.setattr(xlsx, "ZipFile", None)
    _package, why = refused(content)
    assert why.startswith("The file is too large when it is unpacked.")


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://localhost/"> %b;]>',
        "<!DOCTYPE a>",
    ],
)
@pytest.mark.parametrize("name", [SHEET, STRINGS, STYLES, "xl/workbook.xml", "_rels/.rels"])
def test_no_part_declares_entities(name: str, declared: str) -> None:
    package, why = refused(packed(with_part(name, declared + str(parts_of(HEADER)[name]))))
    assert why.startswith("This file can't be read as Excel.")
    assert package.elements < 40


@pytest.mark.usefixtures("_real_limits")
def test_one_text_in_many_cells_is_counted_in_each() -> None:
    strings = f"<si><t>{'x' * 32_767}</t></si>"
    cells = "".join(row(n, f'<c r="A{n}" t="s"><v>0</v></c>') for n in range(2, 5_000))
    package, why = refused(packed(parts_of(HEADER + cells, strings=strings)))
    assert why.startswith("The file is too large when it is unpacked.")
    assert package.elements < 3 * xlsx.TEXT_MAX_LENGTH / 32_767 + 50


def test_a_text_longer_than_a_cell_is_said_of_its_cell() -> None:
    content = packed(parts_of(HEADER + row(2, text("A2", "x" * 32_768))))
    (_header, (_number, (cell,))) = read_sheet(
        Package(content), lines_max=LINES_MAX, columns_max=COLUMNS_MAX
    ).lines
    assert cell.messages == ["It has more text than an Excel cell can have."]  # type: ignore[union-attr]


def test_hidden_columns_are_no_more_than_there_are() -> None:
    hidden = '<col min="1" max="16384" hidden="1"/>' * 1_000
    package, why = refused(packed(parts_of(HEADER, before=f"<cols>{hidden}</cols>")))
    assert why.startswith("This file can't be read as Excel.")
    assert package.elements < 40


CSV_BOMBS: dict[str, Callable[[], str]] = {
    "one-line": lambda: "sku" + "," * 9_000_000,
    "blank-lines": lambda: "sku" + "\n" * 1_000_000,
    "blank-cells": lambda: "sku,name\n" + (",," * 50 + "\n") * 90_000,
    "old-mac-lines": lambda: "sku" + "\r" * 1_000_000,
    "open-quote": lambda: 'sku\n"' + "x" * 9_000_000,
    "quotes": lambda: 'sku\n"' + '""' * 4_000_000,
    "many-columns": lambda: ",".join(f"c{n}" for n in range(900_000)) + "\nx\n",
    "lines": lambda: "sku\n" + "A\n" * 30_000,
}


@pytest.mark.parametrize("bomb", CSV_BOMBS)
def test_a_csv_file_is_refused_before_it_is_all_in_memory(
    bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    records = tables._records

    def counted(*given: str):  # type: ignore[no-untyped-def]
        for record in records(*given):
            read.append(len(record[1]))
            yield record

    monkeypatch.setattr(tables, "_records", counted)
    content = CSV_BOMBS[bomb]().encode()
    tracemalloc.start()
    try:
        table = read_table(content, name="a.csv", lines_max=LINES_MAX, columns_max=COLUMNS_MAX)
    except UnreadableFile:
        table = None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(read) <= LINES_MAX + 1
    assert sum(read) <= tables.SEPARATORS_MAX + LINES_MAX + 1
    assert peak < 150_000_000
    if table is not None:  # what has so many columns is refused for its header
        assert len(table.lines[0][1]) == COLUMNS_MAX + 1


def test_an_unusual_packing_is_refused_before_it_is_unpacked() -> None:
    package, why = refused(packed(parts_of(HEADER), ZIP_LZMA))
    assert (package.bytes, package.elements) == (0, 0)
    assert why == "This file can't be read as Excel. Save it anew as .xlsx, or as CSV."


def test_an_encrypted_member_is_refused() -> None:
    content = bytearray(packed(parts_of(HEADER)))
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.index(mark)
        content[at + offset] |= 1
    _package, why = refused(bytes(content))
    assert why.startswith("This file can't be read as Excel.")


def test_damage_anywhere_is_a_refusal() -> None:
    whole = packed(parts_of(HEADER + row(2, text("A2", "A-1"))))
    for at in range(0, len(whole), 7):
        for damaged in (whole[:at], whole[:at] + b"\xff\x00" + whole[at + 2 :]):
            if damaged.startswith(b"PK"):
                try:
                    read_sheet(Package(damaged), lines_max=LINES_MAX, columns_max=COLUMNS_MAX)
                except UnreadableFile:
                    continue


def test_a_zip_that_is_no_book_is_refused() -> None:
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<office/>")
    _package, why = refused(file.getvalue())
    assert why.startswith("This file can't be read as Excel.")


LONGEST = '"' + "x" * 248 + '"000,0'  # of 255 letters


@pytest.mark.parametrize(
    "codes",
    [
        ["0" * 20_000 + ",0"], ["0" + '"a"' * 5_000], [";" * 2_000_000], ['"' * 1_000_001],
        [f"{LONGEST}0"], [f'"{number}"' for number in range(CUSTOM_MAX + 1)],
    ],
)  # fmt: skip
def test_formats_are_short_and_few(codes: list[str]) -> None:
    content = packed(parts_of(HEADER, formats=dict(enumerate(codes, start=200))))
    _package, why = refused(content)
    assert why.startswith("The file is too large when it is unpacked.")


@pytest.mark.parametrize(
    "code", [LONGEST, "0" * 253 + ",0", '"x"' * 85, "x" * 255, "0" + "\\x" * 126 + "d", ";" * 255]
)
def test_a_format_is_read_once_however_many_cells_have_it(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Mock(wraps=number_formats._section)
    number_formats._sections.cache_clear()
    monkeypatch.setattr(number_formats, "_section", read)
    rows = "".join(row(n, number(f"A{n}", 1, 1), number(f"B{n}", -1, 1)) for n in range(2, 500))
    package = Package(packed(parts_of(HEADER + rows, formats={200: code})))
    read_sheet(package, lines_max=LINES_MAX, columns_max=COLUMNS_MAX)
    assert read.call_count <= 5


@pytest.mark.parametrize(
    ("text", "is_composed"),
    [
        ("a" + "\u0301\u0323" * 1_000_000, False), ("\u0301\u0323" * 16, False),
        ("e" + "\u0323\u0301" * 15, True), ("\u1112\u1161\u11ab" * 10_000, True),
    ],
    ids=["millions", "at-once", "few", "Korean"],
)  # fmt: skip
def test_signs_upon_signs_are_left_as_they_are(text: str, is_composed: bool) -> None:
    """To compose them costs the square of their number: a million would take half an hour."""
    assert (as_seen(text) != text) == is_composed
