"""Files of products: those that are read, and those that are refused, and at which size."""

import io
from typing import Any

import pytest
from django.test import Client
from openpyxl import Workbook

from common.files.errors import UnreadableFile
from ecommerce.tests.expectations import nothing_changes
from products.forms import AROUND_A_FILE_BYTES
from products.import_files import read_products
from products.models import Product
from products.tests.importing import do_import, errors_of_file, upload

KOREAN = "sku,name,price\nA-1,머그컵 한글,9900\n"


@pytest.mark.parametrize(
    "content",
    [
        KOREAN.encode(),
        KOREAN.encode("utf-8-sig"),
        KOREAN.encode("cp949"),
        KOREAN.encode("utf-16"),
        KOREAN.replace(",", "\t").encode("utf-16"),
        KOREAN.replace(",", ";").encode(),
        KOREAN.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf\r\n\r\n" + KOREAN.replace("\n", "\n,,\n").encode(),
        KOREAN.replace("sku,name", " SKU , Name ").encode(),
    ],
    ids=[
        "utf-8", "bom", "korean-excel", "utf-16", "unicode-text", "semicolons", "windows",
        "blank-lines", "header",
    ],
)  # fmt: skip
def test_csv_is_read_as_spreadsheets_write_it(admin_client: Client, content: bytes) -> None:
    do_import(admin_client, content)
    assert list(Product.objects.values_list("sku", "name", "price")) == [
        ("A-1", "머그컵 한글", 9_900)
    ]


def workbook(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_excel_is_read_with_its_numbers(admin_client: Client) -> None:
    content = workbook(
        ["sku", "name", "price", "is_active", "stock", None],
        ["A-1", "머그컵 ☕", 9_900.0, False, 12, None],
        [None, None, None, None, None, None],
        [8_801_234_567_893, "바코드", "₩1,000", "예", 0, None],
    )
    do_import(admin_client, content, file_name="상품.xlsx")
    columns = ("sku", "name", "price", "is_active", "stock")
    assert list(Product.objects.order_by("pk").values_list(*columns)) == [
        ("8801234567893", "바코드", 1_000, True, 0),
        ("A-1", "머그컵 ☕", 9_900, False, 12),
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"sku\n", "no lines of products"),
        (b"sku,name\nA,\xff\xff\xfe\n", "Save it as “CSV UTF-8”"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "This is an old Excel file."),
        (b"PK\x03\x04 no archive", "This file can't be read as Excel."),
        (b"name,price\na,1\n", "The header has no column sku."),
        (b"sku,prise\na,1\n", "columns that aren't known: prise."),
        (b"sku,,name\na,1,b\n", "columns that aren't known: (empty)."),
        (b"sku,sku\na,b\n", "The header has a column twice."),
        (b'sku,name\nA,"open\nB,c\n', "is a quotation mark missing?"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "Save it as “CSV UTF-8”"),
        (b"sku\n" + b"A\n" * 20_001, "more than 20,000 lines"),
        (b"sku\n" + b"A" * 10_000_000, "larger than 10 MB"),
    ],
    ids=str,
)
def test_a_file_that_is_no_table_of_products_is_refused(
    admin_client: Client, content: bytes, error: str
) -> None:
    with nothing_changes():
        page = upload(admin_client, content)
    assert page.status_code == 200
    assert error in errors_of_file(page)


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_may_have_as_many_lines_as_it_may(
    db: None, monkeypatch: pytest.MonkeyPatch, kind: str, more: int
) -> None:
    monkeypatch.setattr("products.import_files.ROWS_MAX", 3)
    lines = [["sku"], *([f"A-{number}"] for number in range(3 + more))]
    text = "".join(f"{sku}\n" for (sku,) in lines).encode()
    content = workbook(*lines) if kind == "xlsx" else text
    if more:
        with pytest.raises(UnreadableFile, match="more than 3 lines"):
            read_products(content, name=f"a.{kind}")
    else:
        assert len(read_products(content, name=f"a.{kind}").rows) == 3


@pytest.mark.parametrize("more", [0, 1])
def test_a_file_may_be_as_large_as_it_may(admin_client: Client, settings: Any, more: int) -> None:
    most = 1_000_000
    settings.MAX_IMPORT_BYTES = most + AROUND_A_FILE_BYTES
    content = b"sku,description\nA,"
    page = upload(admin_client, content + b"x" * (most + more - len(content)))
    told = errors_of_file(page) if page.context["form"].errors else ""
    assert ("The file is larger than 1 MB." in told) == bool(more)
    assert bool(more) == ("result" not in page.context)


def test_a_damaged_excel_file_is_refused(admin_client: Client) -> None:
    file = io.BytesIO()
    book = Workbook()
    book.worksheets[0].append(["sku", "name"])
    book.save(file)
    whole = file.getvalue()
    packed = whole.index(b"xl/workbook.xml") + len("xl/workbook.xml")
    with nothing_changes():
        page = upload(admin_client, whole[:packed] + b"\xff" * 20 + whole[packed + 20 :])
    assert page.status_code == 200
    assert "This file can't be read as Excel." in errors_of_file(page)


def test_an_import_needs_a_file_and_a_name(admin_client: Client) -> None:
    page = upload(admin_client, "", name=" ")
    assert page.context["form"].errors == {
        "import_file": ["The submitted file is empty."],
        "import_name": ["This field is required."],
    }
