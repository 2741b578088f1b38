"""Words in files are what they look like, and what is said of them uses the file's own."""

import unicodedata
from collections.abc import Callable

import pytest
from django.test import Client

from ecommerce.tests.expectations import nothing_changes
from products.models import Category, Product
from products.tests.importing import counts, do_import, errors_of_file, errors_of_lines, upload


@pytest.mark.parametrize(
    ("language", "header", "cells", "said"),
    [
        ("en", "SKU,Name,Price", "NEW,,", ["<code>Name</code>: There is no product with this SKU"]),
        (
            "ko",
            "상품코드,상품 명,가격",
            "NEW,,",
            ["<code>상품 명</code>: ", "<code>가격</code>: "],
        ),
        ("ko", "sku,price", "NEW,", ["<code>상품명</code>: ", "<code>price</code>: "]),
        ("en", "상품코드,가격", "NEW,", ["<code>name</code>: ", "<code>가격</code>: "]),
    ],
)
def test_a_column_is_called_as_in_the_file(
    admin_client: Client, language: str, header: str, cells: str, said: list[str]
) -> None:
    admin_client.cookies["django_language"] = language
    page = upload(admin_client, f"{header}\n{cells}\n").content.decode()
    assert all(words in page for words in said)


@pytest.mark.parametrize(
    "header",
    [
        unicodedata.normalize("NFD", "상품코드,상품명,가격"), "상품 코드,상품_명, 가 격 ",
        "ｓｋｕ,NAME,Price",
        "sku\u200b,na\u00adme,\u2060price", "sku\u00a0,name,price,\u200b",
    ],
    ids=["decomposed", "blanks", "width", "invisible", "empty"],
)  # fmt: skip
def test_a_header_is_what_it_looks_like(admin_client: Client, mug: Product, header: str) -> None:
    do_import(admin_client, f"{header}\nMUG,새 컵,5\n")
    assert Product.objects.values_list("name", "price").get() == ("새 컵", 5)


def test_a_header_that_is_not_known_is_told_as_it_is(admin_client: Client) -> None:
    with nothing_changes():
        page = upload(admin_client, "sku,상품 목록,PRISE\nMUG,컵,5\n")
    assert "columns that aren't known: 상품 목록, PRISE. Known are: sku," in errors_of_file(page)


@pytest.mark.parametrize("column", ["sku", "price", "category", "is_active", "stock_adjustment"])
def test_what_cant_be_seen_in_a_cell_is_named(
    admin_client: Client, mug: Product, column: str
) -> None:
    other = "name" if column == "sku" else "sku"
    with nothing_changes():
        page = upload(admin_client, f"{other},{column}\nMUG,1\u200b\n")
    error = "It has a character that can't be seen (U+200B)."
    assert errors_of_lines(page) == {2: {column: error}}


def test_letters_that_are_taken_apart_are_the_same(
    admin_client: Client, mug: Product, make_product: Callable[..., Product], kitchen: Category
) -> None:
    make_product(sku="한글-1", name="각", category=kitchen)
    lines = f"sku,name,category,is_active,price\n한글-1,각,{kitchen.name},예,"
    with nothing_changes():
        page = upload(admin_client, unicodedata.normalize("NFD", f"{lines}\n"))
        assert counts(page) == (0, 0, 1)
    do_import(admin_client, unicodedata.normalize("NFD", f"{lines}1500원\nMUG,머그컵 한글,,,\n"))
    assert list(Product.objects.order_by("pk").values_list("sku", "name", "price")) == [
        ("MUG", "머그컵 한글", 9_900),
        ("한글-1", "각", 1_500),
    ]
