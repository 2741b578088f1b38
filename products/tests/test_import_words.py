"""Words in files are what they look like, and what is said of them uses the file's own."""

import unicodedata
from collections.abc import Callable

import pytest
from django.test import Client

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in
from products.models import DESCRIPTION_MAX_LENGTH, IMPORTED, Category, Product, StockAdjustment
from products.services import importing
from products.tests.importing import (
    confirm,
    counts,
    do_import,
    errors_of_file,
    errors_of_lines,
    exported,
    upload,
)


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


@pytest.mark.parametrize("again", ["납품 17B", "납품 17b", " 납품  17b", "납품\u300017ｂ", "NFD"])
def test_an_import_is_the_same_under_a_name_that_reads_alike(
    admin_client: Client, mug: Product, again: str
) -> None:
    do_import(admin_client, "sku,stock_adjustment\nMUG,5\n", name="납품 17B")
    name = unicodedata.normalize("NFD", "납품 17B") if again == "NFD" else again
    with nothing_changes():
        preview = upload(admin_client, "sku,stock_adjustment\nMUG,5\n", name=name)
        assert counts(preview) == (0, 0, 1)


def test_an_import_of_before_names_were_read_alike_counts_once(
    admin_client: Client, mug: Product
) -> None:
    do_import(admin_client, "sku,stock_adjustment\nMUG,5\n", name="납품 17B")
    reference = importing._import_reference("납품 17B", mug.pk)
    StockAdjustment.objects.filter(reason__startswith=IMPORTED).update(reference=reference)
    with nothing_changes():
        preview = upload(admin_client, "sku,stock_adjustment\nMUG,5\n", name="납품 17B")
        assert counts(preview) == (0, 0, 1)


@pytest.mark.parametrize("more", [0, 1])
def test_a_description_is_as_long_as_its_form_can_send_it(
    admin_client: Client, mug: Product, more: int
) -> None:
    text = "🧊" * (DESCRIPTION_MAX_LENGTH + more)
    page = upload(admin_client, f"sku,description\nMUG,{text}\n")
    if more:
        error = "Ensure this value has at most 2000 characters (it has 2001)."
        assert errors_of_lines(page) == {2: {"description": error}}
    else:
        confirm(admin_client, page)
    url = f"/admin/products/product/{mug.pk}/change/"
    form = filled_in(admin_client.get(url)) | {"description": text, "price": 7, "reason": "이유"}
    answer = admin_client.post(url, form)
    assert answer.status_code == (200 if more else 302)
    assert Product.objects.get().price == (9_900 if more else 7)
    Product.objects.update(description=text)  # of before there was a limit
    content = exported(admin_client, "csv")
    with nothing_changes():
        assert counts(upload(admin_client, content)) == (0, 0, 1)


def test_an_sku_of_full_width_is_refused(admin_client: Client, mug: Product) -> None:
    error = "Write it as “MUG-1”: its letters are of another width or form."
    with nothing_changes():
        page = upload(admin_client, "sku,price\nＭＵＧ-1,5\n")
        url = f"/admin/products/product/{mug.pk}/change/"
        form = filled_in(admin_client.get(url)) | {"sku": "ＭＵＧ-1", "reason": "이유"}
        change = admin_client.post(url, form)
        url = "/admin/products/product/add/"
        form = filled_in(admin_client.get(url)) | {"sku": "ＭＵＧ-1", "name": "컵", "price": 1}
        added = admin_client.post(url, form)
    assert errors_of_lines(page) == {2: {"sku": error}}
    assert errors_on(change) == errors_on(added) == {"sku": [error]}
