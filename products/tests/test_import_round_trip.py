"""Export then import changes nothing: the kind is a text that comes back as another.

And what is exported is no formula, nor an error, to any spreadsheet.
"""

import csv
import io
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from common.files.cells import (
    CELL_MAX_LENGTH,
    LEFT_OUT,
    as_seen,
    escape_text,
    from_xlsx,
    to_xlsx,
    unescape_text,
)
from ecommerce.tests.expectations import nothing_changes
from products.models import Category, Product
from products.tests.importing import confirm, counts, exported, upload

PIECES = [
    "=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "−", "'", "''", "#N/A", "#REF!",
    "###", LEFT_OUT,
    "\n", "\r\n", "\r", "\t", " ", "\u3000", "\u00a0", "\u200b", "\ufeff", "\u202e",
    "\u2028", "\x85",
    "\x00", "\x0b", "\x1f", "\uffff", "\ufffe", "_x000D_", "_x005F_", "_xFFFF_", "_x",
    "x000D_", "😀",
    "👩‍👩‍👧", "שלום", "ﷺ", "한글", "\u1112\u1161\u11ab", '"', ",", ";", "&amp;", "<t>",
    "]]>", "1.500",
    "1e5", "TRUE", "2026-01-02", "1+1",
]  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(CHARACTERS, max_size=3), max_size=6).map("".join)
NAMES = TEXTS.filter(lambda text: 0 < len(text) <= 200)
LONG = [
    "x" * 32_767,
    "x" * 32_768,
    "😀" * 16_384,
    "가\r\n" * 20_000,
    "\uffff" * 6_000,
    "'" * 40_000,
]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(st.tuples(NAMES, TEXTS, NAMES), min_size=1, max_size=20))
@example(texts=[("이름", text, "분류") for text in LONG])
@example(texts=[(piece, piece, piece) for piece in PIECES])
@example(texts=[(f" {piece}1 ", f"\n{piece}1", f"'{piece}1\r\n") for piece in PIECES])
def test_what_was_exported_is_imported_without_a_change(
    admin_client: Client, kind: str, texts: list[tuple[str, str, str]]
) -> None:
    products_of(texts)
    content = exported(admin_client, kind)
    with nothing_changes():
        page = upload(admin_client, content, file_name=f"a.{kind}")
        assert counts(page) == (0, 0, len(texts))
        confirm(admin_client, page)


def products_of(texts: list[tuple[str, str, str]]) -> None:
    """Only products of these names, descriptions and categories, whatever a form would say."""
    Product.objects.all().delete()
    Category.objects.all().delete()
    Category.objects.bulk_create(
        Category(name=name[:100], slug=f"c-{number}")
        for number, name in enumerate(dict.fromkeys(one[2][:100] for one in texts))
    )
    categories = {category.name: category for category in Category.objects.all()}
    Product.objects.bulk_create(
        Product(
            sku=f"{number:05}",
            name=name,
            description=description,
            category=categories[category[:100]],
            price=number,
        )
        for number, (name, description, category) in enumerate(texts)
    )


@given(text=TEXTS)
def test_escaping_is_undone(text: str) -> None:
    assert as_seen(unescape_text(as_seen(escape_text(text)))) == as_seen(text)
    assert unescape_text(escape_text(text)) == text
    assert from_xlsx(to_xlsx(text)) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(text=TEXTS)
def test_no_exported_text_begins_as_a_formula_does(text: str) -> None:
    shown = escape_text(text).lstrip(
        "".join(
            one
            for one in map(chr, [*range(0x3001), 0xFEFF])
            if one.isspace() or unicodedata.category(one) in ("Cc", "Cf")
        )
    )
    assert not unicodedata.normalize("NFKC", shown[:1]).startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    "text",
    [
        "=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", " =1", "\r\n\r\n=1", "＝1", "＋1",
        "－1", "＠a",
        "\n＝1", "\u200b=1", "\ufeff+1", "\u00a0-1", "\u3000＠a", "'=1", "''=1", " ' =1",
        "\ta", "\na",
        "−1", "﹢1", "#N/A", "#REF!", "####", "\x00=1", "\x1f@a",
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_take_otherwise_is_behind_an_apostrophe(
    admin_client: Client, make_product: Callable[..., Product], text: str
) -> None:
    make_product(name=text, description="-")
    (line,) = csv.DictReader(io.StringIO(exported(admin_client, "csv").decode("utf-8-sig")))
    within = text.replace("\t=", "\t'=")
    assert (line["name"], line["description"]) == (f"'{within}", "'-")
    book = load_workbook(io.BytesIO(exported(admin_client, "xlsx")))
    cell = book.active["B2"]
    assert (cell.data_type, str(cell.value)[0]) == ("s", "'")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a;=1", "a;'=1"), ("a\t+1", "a\t'+1"), ("a; -1", "a;' -1"), ("a;'=1;@b", "a;''=1;'@b"),
        ("=1;=2", "'=1;'=2"), ("a\t\t＝1", "a\t\t'＝1"), ("a;b=1", "a;b=1"), ("a;\n- b", "a;\n- b"),
    ],
)  # fmt: skip
def test_a_formula_after_what_ends_a_cell_elsewhere_is_behind_an_apostrophe(
    admin_client: Client, make_product: Callable[..., Product], text: str, escaped: str
) -> None:
    make_product(description=text)
    content = exported(admin_client, "csv")
    (line,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert line["description"] == escaped
    with nothing_changes():
        assert counts(upload(admin_client, content)) == (0, 0, 1)


def test_a_text_of_many_cells_is_escaped_in_linear_time() -> None:
    text = "\t " * 300_000 + ";'" * 300_000
    assert unescape_text(escape_text(text)) == text


@pytest.mark.parametrize(
    "text", ["a=1", "컵-1", "'90s", "C#", "#1", "(=1)", "1+1", "", " ", "'", "\n"]
)
def test_what_it_would_not_stays_as_it_is(text: str) -> None:
    assert escape_text(text) == text


def test_a_text_that_no_cell_holds_is_left_out_and_says_nothing(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    for sku, length in (("A", CELL_MAX_LENGTH), ("B", CELL_MAX_LENGTH + 1)):
        make_product(sku=sku)
        Product.objects.filter(sku=sku).update(description="x" * length)  # of before its limit
    content = exported(admin_client, "xlsx")
    book: Any = load_workbook(io.BytesIO(content)).active
    cells = {line[0]: line[2] for line in book.iter_rows(min_row=2, values_only=True)}
    assert cells == {"A": "x" * CELL_MAX_LENGTH, "B": LEFT_OUT}
    assert counts(upload(admin_client, content, file_name="a.xlsx")) == (0, 0, 2)


def test_an_excel_file_that_is_exported_is_whole_xml(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    make_product(name="a\uffffb", description="\x00\x0b\ufffe_x000D_")
    book: Any = load_workbook(io.BytesIO(exported(admin_client, "xlsx"))).active
    assert book["B2"].value == "a_xFFFF_b"
    assert book["C2"].value == "_x0000__x000B__xFFFE__x005F_x000D_"


def test_what_stands_in_the_shop_is_not_judged_anew(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    """A line that changes the price is not refused for a name that was taken otherwise."""
    products_of([("a\x00b", "c", "분류")])
    page = upload(admin_client, 'sku,name,price\n00000,"a\x00b",5\n')
    assert counts(page) == (0, 1, 0)
    page = upload(admin_client, 'sku,name\n00000,"a\x00c"\n')
    assert page.context["result"].refused[0][1] == {
        "name": "It has a character that can't be seen (U+0000)."
    }
