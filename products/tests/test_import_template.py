"""The file to fill in, and headers in Korean."""

import io
from typing import Any

import pytest
from django.test import Client
from openpyxl import load_workbook

from ecommerce.tests.staff import staff_client
from products.import_files import COLUMNS, KOREAN, read_products

pytestmark = pytest.mark.django_db
TEMPLATE = "/admin/products/product/import_template/"
HEADER = "상품코드,상품명,설명,카테고리,가격,판매여부,재고,재고조정"


@pytest.mark.parametrize(("language", "header"), [("en", COLUMNS), ("ko", HEADER.split(","))])
def test_the_file_to_fill_in_is_read_as_it_is_given(
    admin_client: Client, language: str, header: list[str]
) -> None:
    page = admin_client.get("/admin/products/product/import/").content.decode()
    assert f'href="{TEMPLATE}"' in page
    answer = admin_client.get(TEMPLATE, headers={"Accept-Language": language})
    content = answer.content
    book = load_workbook(io.BytesIO(content))
    sheet: Any = book.active
    assert [cell.value for cell in sheet[1]] == header
    sheet.append(["0042", "녹차", "", "", 12_000, "예", 7, None])
    filled = io.BytesIO()
    book.save(filled)
    (row,) = read_products(filled.getvalue(), name="products.xlsx").rows
    said = {"name": "녹차", "price": 12_000, "is_active": True}
    assert (row.sku, row.said, row.stock) == ("0042", said, 7)


@pytest.mark.parametrize(
    "header", ["sku,상품명,가격,재고", "상품코드,상품명,가격,재고", " SKU , 상품 명 ,가격,재고"]
)
def test_headers_may_be_korean_or_mixed(header: str) -> None:
    (row,) = read_products(f"{header}\nA-1,차,1000,3\n".encode(), name="a.csv").rows
    assert (row.sku, row.said, row.stock) == ("A-1", {"name": "차", "price": 1_000}, 3)


def test_every_column_has_a_korean_name() -> None:
    assert list(KOREAN) == COLUMNS
    assert ",".join(KOREAN.values()) == HEADER


def test_who_may_not_import_gets_no_file() -> None:
    assert staff_client("products.view_product").get(TEMPLATE).status_code == 403
