"""A file says what the person sees: the kind is a cell that is read as something else.

Each is read as it is shown, or refused by its line and column; never as another value.
"""

import io
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.workbooks import number, packed, parts_of, row, sheet, text
from products.models import Category, Product
from products.tests.importing import (
    confirm,
    counts,
    do_import,
    errors_of_file,
    errors_of_lines,
    upload,
)

AMBIGUOUS = "isn't the same number everywhere. Write it without dots and commas."
NO_NUMBER = "is no whole number."
OTHER_NUMBER = (
    "It is a date, a percentage or the like, which shows another number than it holds."
    " Format the cell as text, and enter what it is to say."
)
OTHER_TEXT = (
    "Its format hides the text that it holds, or shows another. Format the cell as text, and enter"
    " what it is to say."
)
NEVER_CALCULATED = "Its formula was never calculated. Open the file, and save it with its results."


@pytest.fixture
def cup(make_product: Callable[..., Product]) -> Product:
    return make_product(sku="CUP", name="컵", price=1, stock=10)


# --- Numbers in texts ---------------------------------------------------------------------------


TEXTS: list[tuple[str, int | str]] = [
    ("18000", 18_000), ("0", "anybody may have it for nothing"),
    ("+5", 5), ("₩1500", 1_500), ("￦1500", 1_500),
    ("\\1500", 1_500), ("1500원", 1_500), ("1500 원", 1_500), ("１５００", 1_500),
    ("18.000", AMBIGUOUS), ("1.500,00", AMBIGUOUS), ("1,500.000", AMBIGUOUS),
    ("1.500.000", AMBIGUOUS), ("1 500", NO_NUMBER), ("1\u00a0500", NO_NUMBER),
    ("1'500", NO_NUMBER), ("1e3", NO_NUMBER), ("18,5", NO_NUMBER), ("18.5", NO_NUMBER),
    ("0x10", NO_NUMBER), ("1_000", NO_NUMBER), ("15원0", NO_NUMBER), ("15²", NO_NUMBER),
    ("①②", NO_NUMBER), ("½", NO_NUMBER), ("١٥", NO_NUMBER), ("(5)", NO_NUMBER),
    ("−5", NO_NUMBER), ("-5", "It must be from 0"), ("000", NO_NUMBER), ("1,50", NO_NUMBER),
    ("12,34,567", NO_NUMBER), ("1천", NO_NUMBER), ("18%", NO_NUMBER), ("TRUE", NO_NUMBER),
    ("nan", NO_NUMBER), ("inf", NO_NUMBER), ("#N/A", NO_NUMBER), ("2026-01-02", NO_NUMBER),
    ("=1+1", NO_NUMBER), ("$5", NO_NUMBER), ("1500.0000", NO_NUMBER),
]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_number_is_one_everywhere_or_refused(admin_client: Client, delimiter: str) -> None:
    lines = [f'A-{n}{delimiter}컵{delimiter}"{cell}"' for n, (cell, _price) in enumerate(TEXTS)]
    content = "\n".join([delimiter.join(["sku", "name", "price"]), *lines])
    with nothing_changes():
        page = upload(admin_client, content)
    assert_read(page, "price", [price for _cell, price in TEXTS])


@pytest.mark.parametrize("cell", ["1,500", "1,500.00", "1500.0", "1500.00", "₩1,500", "1，500"])
def test_dots_and_commas_are_read_where_the_file_has_no_decimal_commas(
    admin_client: Client, cup: Product, cell: str
) -> None:
    with nothing_changes():
        page = upload(admin_client, f"sku;price\nCUP;{cell}\n")
    assert list(errors_of_lines(page)[2]) == ["price"]
    for delimiter in (",", "\t"):
        do_import(admin_client, f'sku{delimiter}price\nCUP{delimiter}"{cell}"\n')
        assert Product.objects.get().price == 1_500
        Product.objects.update(price=1)


@pytest.mark.parametrize("column", ["price", "stock", "stock_adjustment"])
def test_every_column_of_numbers_is_read_so(
    admin_client: Client, cup: Product, column: str
) -> None:
    with nothing_changes():
        page = upload(admin_client, f"sku;{column}\nCUP;18.000\n")
    assert errors_of_lines(page) == {2: {column: f"“18.000” {AMBIGUOUS}"}}


def test_a_price_that_fell_apart_at_its_comma_is_refused(
    admin_client: Client, cup: Product
) -> None:
    with nothing_changes():
        page = upload(admin_client, "sku,price,stock_adjustment\nCUP,18,000\n")
    assert errors_of_lines(page) == {2: {"stock_adjustment": f"“000” {NO_NUMBER}"}}


# --- Numbers in Excel ---------------------------------------------------------------------------


FORMATS: list[tuple[str, str, int | str]] = [
    ("General", "1500", 1_500), ("General", "1.5E3", 1_500), ("General", "1500.5", NO_NUMBER),
    ("0", "1500", 1_500), ("#,##0", "1500", 1_500), ("#,##0.00", "1500", 1_500),
    ("#,##0", "1500000", 1_500_000), ('"₩"#,##0', "1500", 1_500),
    ("[$₩-412]#,##0", "1500", 1_500),
    ('_-[$₩-412]* #,##0_-;-[$₩-412]* #,##0_-;_-[$₩-412]* "-"_-;_-@_-', "1500", 1_500),
    ('#,##0"원"', "1500", 1_500), ("#,##0원", "1500", 1_500),
    ("#,##0_);[Red]\\(#,##0\\)", "1500", 1_500),
    ("@", "1500", 1_500), ("[Blue]#,##0;[Red]-#,##0", "1500", 1_500),
    ("0", "18.4", "holds 18.4 but shows it rounded"), ("#,##0", "1499.9", "shows it rounded"),
    ("0.00", "18.004", "shows it rounded"), ("0.000", "18", AMBIGUOUS),
    ("0%", "0.5", OTHER_NUMBER), ("0.00%", "18", OTHER_NUMBER),
    ("0.00E+00", "18", OTHER_NUMBER),
    ("# ?/?", "18.5", OTHER_NUMBER), ("yyyy-mm-dd", "45000", OTHER_NUMBER),
    ("[h]:mm", "18", OTHER_NUMBER), ('yyyy"년"', "45000", OTHER_NUMBER),
    ("#,##0,", "18000", OTHER_NUMBER), ("0.0,", "18000", OTHER_NUMBER),
    ('0"천원"', "18", NO_NUMBER), ('0"000"', "18", 18_000), ("[DBNum1]0", "18", OTHER_NUMBER),
    ("[>100]0;0", "18", OTHER_NUMBER), ("000-0000", "1234567", OTHER_NUMBER),
    ("00000", "123", NO_NUMBER), ('#,##0;"▲"#,##0', "-5", NO_NUMBER),
    ("0*0", "5", OTHER_NUMBER), ("*90", "5", OTHER_NUMBER), ("0*-", "5", OTHER_NUMBER),
    ("0;0;0*0", "0", OTHER_NUMBER), ("*0", "5", OTHER_NUMBER), ("* #,##0", "1500", 1_500),
    ("0\\*0", "5", OTHER_NUMBER), ('0"*"', "5", NO_NUMBER),
    ("General", "nan", "holds no number"), ("General", "1_0", "holds no number"),
    ("General", "1e999", "holds no number"), ("General", "1e15", "Excel has shortened"),
    ("0", "1e15", "Excel has shortened"), ("#,##0", "1e300", "Excel has shortened"),
    ("General", "8801234567893", "It must be from 0"),
    ("0;@", "-5", "It must be from 0"), ("0_ ;@", "1500", 1_500), ("#,##0;@;@", "1500", 1_500),
    ("0;yyyy@", "1500", 1_500), ('0"@"', "5", NO_NUMBER), ("0;0;0;yyyy", "1500", 1_500),
    ('[$;-409]0"a;b"', "15", NO_NUMBER),
]  # fmt: skip


def test_a_number_is_read_as_its_format_shows_it(admin_client: Client) -> None:
    lines = "".join(
        row(n, text(f"A{n}", f"A-{n}"), number(f"B{n}", stored, n - 1), text(f"C{n}", "컵"))
        for n, (_code, stored, _price) in enumerate(FORMATS, start=2)
    )
    codes = {200 + n: code for n, (code, _stored, _price) in enumerate(FORMATS)}
    with nothing_changes():
        page = upload(admin_client, excel(lines, formats=codes))
    assert_read(page, "price", [price for _code, _stored, price in FORMATS])


def assert_read(page: HttpResponse, column: str, expected: list[int | str]) -> None:
    """Each line from the second on was read as this number, or refused with this reason."""
    read: dict[int, Any] = {
        one.row.number: {"stock_adjustment": one.row.stock_adjustment, **one.row.said}[column]
        for one in page.context["result"].outcomes
        if not one.errors
    }
    errors = errors_of_lines(page)
    assert len(read) + len(errors) == len(expected)
    for line, wanted in enumerate(expected, start=2):
        if isinstance(wanted, int):
            assert read[line] == wanted, line
        else:
            assert wanted in errors[line][column], line


TEXT_FORMATS = [
    ("General", True), ("@", True), ("0", True), ("#,##0;[Red]-#,##0", True), ("yyyy-mm-dd", True),
    ('yyyy"년" m"월" d"일";@', True), ("[>=10000]0;0", True), ('"x"', True), ('"a@b"0', True),
    ('_-[$₩-412]* #,##0_-;-[$₩-412]* #,##0_-;_-[$₩-412]* "-"_-;_-@_-', True),
    ("0;0;0;General", True), ("[Red]@", True), ("0;0;0;* @", True), ('0";;;"', True),
    (";;;", False), ("0;0;0;", False), ('General;General;General;"***"', False),
    ('@" set"', False), ('"무"@', False), ("@@", False), ("@*-", False), ('0;"@"@', False),
    ("0;0;0;0", False), (';;;"@"', False), ("\\@@", False), ('[$a]@', False),
]  # fmt: skip


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="{}" s="{}" t="inlineStr"><is><t>컵</t></is></c>',
        '<c r="{}" s="{}" t="s"><v>0</v></c>',
        '<c r="{}" s="{}" t="str"><f>A1</f><v>컵</v></c>',
        '<c r="{}" s="{}" t="b"><v>1</v></c>',
    ],
    ids=["inline", "shared", "formula", "boolean"],
)
def test_a_text_is_read_where_its_format_shows_it(admin_client: Client, cell: str) -> None:
    lines = "".join(
        row(n, text(f"A{n}", f"A-{n}"), number(f"B{n}", 1), cell.format(f"C{n}", n - 1))
        for n in range(2, len(TEXT_FORMATS) + 2)
    )
    codes = {200 + n: code for n, (code, _shows) in enumerate(TEXT_FORMATS)}
    with nothing_changes():
        page = upload(admin_client, excel(lines, formats=codes, strings="<si><t>컵</t></si>"))
    assert errors_of_lines(page) == {
        line: {"name": OTHER_TEXT}
        for line, (_code, shows) in enumerate(TEXT_FORMATS, start=2)
        if not shows
    }


def test_formats_that_are_named_by_number(admin_client: Client) -> None:
    plain = {*range(9), *range(37, 45), 49, 400}
    named = [*range(60), 163, 400]
    lines = "".join(
        row(n, text(f"A{n}", f"A-{n}"), number(f"B{n}", "1500", n - 1), text(f"C{n}", "컵"))
        for n in range(2, len(named) + 2)
    )
    page = upload(admin_client, excel(lines, formats=dict.fromkeys(named, "")))
    expected = [1_500 if one in plain else OTHER_NUMBER for one in named]
    assert_read(page, "price", expected)


@pytest.mark.parametrize(
    ("code", "stored", "sku"),
    [("00000", "123", "00123"), ("General", "8801234567893", "8801234567893"), ("0", "42", "42")],
)
def test_an_sku_keeps_the_zeros_that_are_shown(
    admin_client: Client, code: str, stored: str, sku: str
) -> None:
    cells = row(2, number("A2", stored, 1), number("B2", 1), text("C2", "컵"))
    do_import(admin_client, excel(cells, formats={200: code}))
    assert Product.objects.get().sku == sku


def test_a_text_of_digits_stays_a_text(admin_client: Client) -> None:
    do_import(
        admin_client, excel(row(2, text("A2", "00123"), text("B2", "1,500"), text("C2", "007")))
    )
    assert list(Product.objects.values_list("sku", "name", "price")) == [("00123", "007", 1_500)]


# --- Cells that have nothing to say -------------------------------------------------------------


VALUELESS = [
    '<c r="{}" t="e"><v>#N/A</v></c>',
    '<c r="{}" t="e"><v>#REF!</v></c>',
    '<c r="{}" t="e"><v>#DIV/0!</v></c>',
    '<c r="{}" t="str"><f>A</f><v>#NAME?</v></c>',
    '<c r="{}" t="inlineStr"><is><t>#VALUE!</t></is></c>',
    '<c r="{}" t="inlineStr"><is><t>########</t></is></c>',
    '<c r="{}"><f>A9&amp;"x"</f><v></v></c>',
    '<c r="{}"><f>A9</f></c>',
    '<c r="{}"><f/><v/></c>',
    '<c r="{}" s="1"><v>45000</v></c>',
    '<c r="{}" t="d"><v>2026-01-02</v></c>',
    '<c r="{}" t="e"><f>A9</f><v>#N/A</v></c>',
    '<c r="{}" t="e"><v>#NV</v></c>',
    '<c r="{}" t="e"><v>#¡VALOR!</v></c>',
    '<c r="{}" t="e"><v>#Н/Д</v></c>',
    '<c r="{}" t="e"><v>1</v></c>',
    '<c r="{}" t="inlineStr"><is><t>=1+1</t></is></c>',
    '<c r="{}"><v>0.1234567890123</v></c>',
    '<c r="{}"><v>1e-9</v></c>',
]


@pytest.mark.parametrize("column", ["name", "description", "category", "sku", "is_active"])
def test_what_has_no_value_is_refused_by_line_and_column(
    admin_client: Client, cup: Product, column: str
) -> None:
    other = "name" if column == "sku" else "sku"
    header = row(1, text("A1", "price"), text("B1", other), text("C1", column))
    lines = "".join(
        row(n, number(f"A{n}", 1), text(f"B{n}", f"A-{n}"), cell.format(f"C{n}"))
        for n, cell in enumerate(VALUELESS, start=7)
    )
    with nothing_changes():
        page = upload(admin_client, packed(parts_of(header + lines, formats={200: "yyyy-mm-dd"})))
    errors = errors_of_lines(page)
    assert list(errors) == list(range(7, 7 + len(VALUELESS)))
    assert all(column in found for found in errors.values())


@pytest.mark.parametrize(
    "cell", ["#N/A", "#REF!", "#NAME?", "########", "Err:502", "#이름?", "=A1"]
)
def test_what_a_spreadsheet_wrote_for_want_of_a_value_is_no_text(
    admin_client: Client, cup: Product, cell: str
) -> None:
    with nothing_changes():
        page = upload(admin_client, f"sku,name\nCUP,{cell}\n")
    assert list(errors_of_lines(page)[2]) == ["name"]
    do_import(admin_client, f"sku,name\nCUP,'{cell}\n")  # as an export has it
    assert Product.objects.get().name == cell


@pytest.mark.parametrize("name", ["#1 컵", "#여름!", "# 컵", "C#", "Err: 컵", "- 컵", "@home"])
def test_what_only_looks_like_it_is_a_text(admin_client: Client, cup: Product, name: str) -> None:
    do_import(admin_client, f"sku,name\nCUP,{name}\n")
    assert Product.objects.get().name == name


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c r="C2" t="str"><f>A</f><v>둘</v></c>', "둘"),
        ('<c r="C2"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="C2" t="b"><v>1</v></c>', "TRUE"), ('<c r="C2"><v>1.5</v></c>', "1.5"),
        ('<c t="inlineStr"><is><r><t>가</t></r><r><t> 나</t></r></is></c>', "가 나"),
        ('<c r="C2" t="s"><v>0</v></c>', "東京"), ('<c r="C2" t="s"><v>1</v></c>', "a\nb"),
        ('<c r="C2" t="s"><v>2</v></c>', "_x000D_"), ('<c r="C2" t="s"><v>3</v></c>', "😀"),
        ('<c t="inlineStr"><is><t>place</t></is></c>', "place"),
    ],
)  # fmt: skip
def test_a_text_is_read_whole(admin_client: Client, cup: Product, cell: str, shown: str) -> None:
    strings = (
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si><si><t>a_x000D_\nb</t></si>'
        "<si><t>_x005F_x000D_</t></si><si><t>_xD83D__xDE00_</t></si>"
    )
    header = row(1, text("A1", "sku"), text("B1", "price"), text("C1", "description"))
    line = row(2, text("A2", "CUP"), number("B2", 1), cell)
    do_import(admin_client, packed(parts_of(header + line, strings=strings)))
    assert Product.objects.get().description == shown


def test_formulas_that_excel_will_calculate_anew_are_refused(
    admin_client: Client, cup: Product
) -> None:
    header = row(1, text("A1", "sku"), text("B1", "price"))
    line = row(2, text("A2", "CUP"), '<c r="B2"><f>9*1000</f><v>0</v></c>')
    stale = parts_of(header + line, workbook='<calcPr calcId="1" fullCalcOnLoad="1"/>')
    with nothing_changes():
        page = upload(admin_client, packed(stale))
    assert errors_of_lines(page) == {2: {"price": NEVER_CALCULATED}}


# --- What is hidden -----------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_does_not_count(admin_client: Client, cup: Product, state: str) -> None:
    header = row(1, text("A1", "sku"), text("B1", "price"))
    sheets = (
        f'<sheet name="old" sheetId="1" state="{state}" r:id="r1"/>'
        '<sheet name="new" sheetId="2" r:id="r2"/>'
    )
    parts = parts_of(header + row(2, text("A2", "CUP"), number("B2", 2)), sheets=sheets)
    parts["xl/worksheets/sheet2.xml"] = sheet(header + row(2, text("A2", "CUP"), number("B2", 3)))
    do_import(admin_client, packed(parts))
    assert Product.objects.get().price == 3
    parts = parts_of(header, sheets=f'<sheet name="a" sheetId="1" state="{state}" r:id="r1"/>')
    page = upload(admin_client, packed(parts))
    assert errors_of_file(page).startswith("All sheets of this file are hidden.")


def test_hidden_lines_and_columns_do_not_count_and_it_is_said(
    admin_client: Client, cup: Product
) -> None:
    hidden = 'hidden="1"'
    content = packed(
        parts_of(
            row(1, text("A1", "sku"), text("B1", "internal"), text("C1", "price"))
            + row(2, text("A2", "CUP"), text("B2", "x"), number("C2", 2))
            + row(3, text("A3", "OLD"), text("B3", "x"), number("C3", 3), attributes=hidden)
            + row(4, attributes=hidden),
            before=f'<cols><col min="2" max="2" {hidden}/></cols>',
        )
    )
    page = upload(admin_client, content)
    assert counts(page) == (0, 1, 0)
    assert "Lines of the file that are hidden, and don&#x27;t count: 1." in " ".join(
        page.content.decode().split()
    ).replace("don't", "don&#x27;t")
    confirm(admin_client, page)
    assert list(Product.objects.values_list("sku", "price")) == [("CUP", 2)]


def test_a_filtered_list_is_what_the_filter_shows(admin_client: Client, cup: Product) -> None:
    def fill(page: Worksheet) -> None:
        for line in (["sku", "name", "price"], ["CUP", "컵", 5], ["POT", "냄비", 6]):
            page.append(line)
        page.auto_filter.ref = "A1:C3"
        page.row_dimensions[3].hidden = True

    do_import(admin_client, openpyxl_book(fill))
    assert list(Product.objects.values_list("sku", "price")) == [("CUP", 5)]


@pytest.mark.parametrize("cells", ["B2:B3", "B2:C2", "A2:C2"])
def test_merged_cells_are_refused(admin_client: Client, cup: Product, cells: str) -> None:
    lines = row(2, text("A2", "CUP"), number("B2", 5), text("C2", "새 컵"))
    merged = f'<mergeCells><mergeCell ref="Z9:Z9"/><mergeCell ref="{cells}"/></mergeCells>'
    with nothing_changes():
        page = upload(admin_client, excel(lines, after=merged))
    assert errors_of_file(page) == (
        f"The cells {cells} are merged: unmerge them, and give each its own value."
    )


def test_what_is_of_no_size_is_hidden(admin_client: Client, cup: Product) -> None:
    lines = row(1, text("A1", "sku"), text("B1", "price")) + row(
        2, text("A2", "OLD"), number("B2", 5), attributes='ht="0" customHeight="1"'
    )
    lines += row(3, text("A3", "CUP"), number("B3", 5), attributes='ht="15"')
    columns = '<cols><col min="2" max="2" width="0" customWidth="1"/></cols>'
    with nothing_changes():
        assert counts(upload(admin_client, packed(parts_of(lines, before=columns)))) == (0, 0, 1)


@pytest.mark.parametrize(("shows", "stays"), [("0", True), ("false", True), ("1", False)])
def test_zeros_that_are_not_shown_are_empty(
    admin_client: Client, cup: Product, shows: str, stays: bool
) -> None:
    header = row(1, text("A1", "sku"), text("B1", "is_active"))
    view = f'<sheetViews><sheetView showZeros="{shows}" workbookViewId="0"/></sheetViews>'
    line = row(2, text("A2", "CUP"), number("B2", 0))
    do_import(admin_client, packed(parts_of(header + line, before=view)))
    assert Product.objects.get().is_active == stays


CONDITIONAL = '<conditionalFormatting sqref="B2:B9"><cfRule {}</cfRule></conditionalFormatting>'
EXTENDED = (
    '<extLst><ext><x14:conditionalFormatting xmlns:x14="x" xmlns:xm="xm"><x14:cfRule><x14:dxf>{}'
    "</x14:dxf></x14:cfRule><xm:sqref>B2:B9</xm:sqref></x14:conditionalFormatting></ext></extLst>"
)
THOUSANDS = '<numFmt numFmtId="170" formatCode="0,"/>'


@pytest.mark.parametrize(
    ("after", "refused"),
    [
        (CONDITIONAL.format('dxfId="1"><formula>1</formula>'), True),
        (CONDITIONAL.format('dxfId="0"><formula>1</formula>'), False),
        (CONDITIONAL.format('><dataBar showValue="0"/>'), True),
        (CONDITIONAL.format('><iconSet showValue="false"/>'), True),
        (CONDITIONAL.format("><dataBar/>"), False),
        (EXTENDED.format(THOUSANDS), True),
        (EXTENDED.format("<font/>"), False),
    ],
)
def test_conditional_formatting_that_shows_other_numbers_is_refused(
    admin_client: Client, cup: Product, after: str, refused: bool
) -> None:
    header = row(1, text("A1", "sku"), text("B1", "price"))
    parts = parts_of(header + row(2, text("A2", "CUP"), number("B2", 18_000)), after=after)
    conditional = f"<dxfs><dxf><font/></dxf><dxf>{THOUSANDS}</dxf></dxfs></styleSheet>"
    parts["xl/styles.xml"] = str(parts["xl/styles.xml"]).replace("</styleSheet>", conditional)
    with nothing_changes():
        page = upload(admin_client, packed(parts))
    if refused:
        assert errors_of_file(page) == (
            "Conditional formatting of the cells B2:B9 hides numbers, or shows them in another way."
            " Remove it."
        )
    else:
        assert counts(page) == (0, 1, 0)


# --- Files that are something else --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.xlsx", b"sku,price\nCUP,5\n", "This is no Excel file, whatever its name says."),
        ("A.XLSX", b"<html></html>", "This is no Excel file, whatever its name says."),
        ("a.xls", b"sku\tprice\nCUP\t5\n", "This is no Excel file, whatever its name says."),
        ("a.ods", b"sku", "This is no Excel file, whatever its name says."),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
         "This Excel file has a password. Save it without one."),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "This is an old Excel file."),
        ("a.csv", "sku,price\nCUP,5\n".encode("utf-16-le"), "Save it as “CSV UTF-8”."),
        ("a.csv", "sku,price\nCUP,5\n".encode("utf-32-le"), "Save it as “CSV UTF-8”."),
        ("a.csv", b"\xef\xbb\xbfsku\n\xc4\xc5", "Save it as “CSV UTF-8”."),
        ("a.csv", b"\xff\xfes\x00k\x00u\x00\n\x00\x00\xd8", "Save it as “CSV UTF-8”."),
        ("a.csv", b"%PDF-1.7\n1 0 obj", "columns that aren't known: %PDF-1.7."),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "Save it as “CSV UTF-8”."),
        ("a.ods", packed({"mimetype": "", "content.xml": "<a/>"}), "can't be read as Excel."),
        ("a.csv", b"\n\n \n", "no lines of products"),
        ("a.csv", b"sku,price" + b",x" * 100 + b"\nCUP,5\n", "columns that aren't known"),
        ("a.csv", b"sep=;\nsku;price\nCUP;5\n", "columns that aren't known"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,  # bytes may have a time
)  # fmt: skip
def test_a_file_that_is_another_than_it_seems_gets_a_sentence(
    admin_client: Client, cup: Product, name: str, content: bytes, error: str
) -> None:
    with nothing_changes():
        page = upload(admin_client, content, file_name=name)
    assert page.status_code == 200
    assert error in errors_of_file(page)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"), (b"", "utf-8-sig"), (b"", "cp949"), (b"", "euc-kr"), (b"", "utf-16"),
        (b"", "utf-32"), (b"\xfe\xff", "utf-16-be"), (b"\x00\x00\xfe\xff", "utf-32-be"),
    ],
)  # fmt: skip
def test_every_usual_encoding_is_read(
    admin_client: Client, cup: Product, mark: bytes, encoding: str
) -> None:
    for delimiter, end in product([",", ";", "\t"], ["\n", "\r\n", "\r"]):
        content = f"sku,name{end}CUP,머그컵 한글{end}".replace(",", delimiter)
        page = upload(admin_client, mark + content.encode(encoding))
        assert [one.row.said["name"] for one in page.context["result"].outcomes] == ["머그컵 한글"]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("latin-1", "Größe"), ("cp1252", "5€ “q”"), ("latin-1", "5 µm"), ("euc-jp", "日本語テスト"),
        ("gb18030", "简体中文"), ("big5", "保溫杯 不鏽鋼"), ("shift-jis", "ガラスのコップ"),
        ("cp1251", "Чашка"), ("cp949", "辛라면 (大)"), ("cp949", "A㎖"), ("cp949", "뷁"),
    ],
)  # fmt: skip
def test_letters_that_may_be_others_are_refused(
    admin_client: Client, cup: Product, encoding: str, name: str
) -> None:
    with nothing_changes():
        page = upload(admin_client, f"sku,name\nCUP,{name}\n".encode(encoding))
    assert errors_of_file(page) == (
        "The letters of this file can't be read. Save it as “CSV UTF-8”."
    )
    assert counts(upload(admin_client, f"sku,name\nCUP,{name}\n")) == (0, 1, 0)


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("cp949", "CP949"),
        ("utf-16", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_the_preview_tells_how_letters_were_read(
    admin_client: Client, cup: Product, encoding: str, told: str
) -> None:
    text = "상품코드,상품명\nCUP,똠양꿍 세트 (大) 500㎖ × 2\n"
    page = upload(admin_client, text.encode(encoding))
    assert counts(page) == (0, 1, 0)
    said = f"its letters were read as {told}. See that they are right."
    assert (said in " ".join(page.content.decode().split())) == bool(told)
    confirm(admin_client, page)
    assert Product.objects.get().name == "똠양꿍 세트 (大) 500㎖ × 2"


def test_a_file_may_be_named_in_any_case_and_as_excel_with_macros(
    admin_client: Client, cup: Product
) -> None:
    content = excel(row(2, text("A2", "CUP"), number("B2", 7)))
    for name in ("a.XLSM", "a.csv", "a"):
        assert counts(upload(admin_client, content, file_name=name)) == (0, 1, 0)


def test_a_category_is_found_as_it_is_seen(admin_client: Client, cup: Product) -> None:
    category = Category.objects.create(name=" =주방 ", slug="kitchen")
    do_import(admin_client, "sku,category\nCUP,' =주방\n")
    assert Product.objects.get().category == category


def excel(lines: str, **more: Any) -> bytes:
    """A book whose first line says sku, price, name."""
    header = row(1, text("A1", "sku"), text("B1", "price"), text("C1", "name"))
    return packed(parts_of(header + lines, **more))


def openpyxl_book(fill: Callable[[Worksheet], None]) -> bytes:
    book = Workbook()
    fill(book.active)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
