"""Importing products from files: the look before, the writing, and what a file can have wrong."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from openpyxl import Workbook
from rest_framework.test import APIClient

from common.files.errors import UnreadableFile
from ecommerce.tests.expectations import count_statements, nothing_changes
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.races import order, race, tally
from ecommerce.tests.staff import logged, member_buys, staff_client
from products.forms import AROUND_A_FILE_BYTES
from products.import_files import COLUMNS, read_products
from products.models import Category, ImportFile, Product, StockAdjustment
from products.services import adjust_stock, importing
from products.services.importing import ImportRow, import_products, preview_import
from products.tests.importing import (
    CONFIRM,
    IMPORT,
    confirm,
    counts,
    do_import,
    errors_of_file,
    errors_of_lines,
    exported,
    messages_on,
    upload,
)
from users.models import User


def stock_of(sku: str) -> int:
    return Product.objects.get(sku=sku).stock


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product(sku="MUG", name="머그컵", price=9_900, stock=10)


# --- What an import does ------------------------------------------------------------------------

FILE = """sku,name,description,category,price,is_active,stock,stock_adjustment
MUG,머그컵 ☕,,주방,"10,900",예,10,+5
T-500,텀블러 500ml,보온,주방,18900,yes,30,
OLD,낡은 것,,,500,no,,
"""


def test_a_file_is_shown_first_and_then_written(
    admin_client: Client, admin_user: Any, mug: Product, kitchen: Category
) -> None:
    with nothing_changes():
        preview = upload(admin_client, FILE)
    assert counts(preview) == (2, 1, 0)
    row = preview.context["result"].rows[0]
    assert (row[0], row[1], row[4], row[6]) == (
        "changed",
        "MUG",
        '<span><del class="text-base-400">₩9,900</del> <strong>₩10,900</strong></span>',
        '<span><del class="text-base-400">10</del> <strong>15</strong></span>',
    )
    assert messages_on(confirm(admin_client, preview)) == [
        "Imported: 2 new, 1 changed, 0 as they were."
    ]
    columns = ("sku", "name", "search_name", "description", "category__name", "price", "is_active")
    assert list(Product.objects.order_by("pk").values_list(*columns, "stock")) == [
        ("MUG", "머그컵 ☕", "머그컵 ☕", "", "주방", 10_900, True, 15),
        ("OLD", "낡은 것", "낡은 것", "", None, 500, False, 0),
        ("T-500", "텀블러 500ml", "텀블러 500ml", "보온", "주방", 18_900, True, 30),
    ]
    adjustments = StockAdjustment.objects.order_by("pk").filter(reason__startswith="import")
    assert list(adjustments.values_list("product__sku", "quantity", "stock_after", "reason")) == [
        ("MUG", 5, 15, "import: 납품 17"),
        ("T-500", 30, 30, "import: 납품 17"),
    ]
    assert {adjustment.created_by for adjustment in adjustments} == {admin_user}
    assert sorted(logged()) == [
        ("admin", "Added with 0 in stock (import: 납품 17)"),
        ("admin", "Added with 30 in stock (import: 납품 17)"),
        (
            "admin",
            "name: 머그컵 → 머그컵 ☕; category: – → 주방; price (won): 9,900 → 10,900;"
            " stock adjusted by +5 to 15 (import: 납품 17)",
        ),
    ]


def test_the_same_file_again_changes_nothing(
    admin_client: Client, mug: Product, kitchen: Category
) -> None:
    do_import(admin_client, FILE)
    with nothing_changes():
        preview = upload(admin_client, FILE)
        assert counts(preview) == (0, 0, 3)
        assert "Adjusted by +5 under this name already" in preview.content.decode()
        assert messages_on(confirm(admin_client, preview)) == [
            "Imported: 0 new, 0 changed, 3 as they were."
        ]
    assert len(logged()) == 3


def test_another_delivery_has_another_name(admin_client: Client, mug: Product) -> None:
    for name in ("납품 17", "납품 18", "납품 18"):
        do_import(admin_client, "sku,stock_adjustment\nMUG,5\n", name=name)
    assert stock_of("MUG") == 20


def test_another_figure_under_the_same_name_is_refused(admin_client: Client, mug: Product) -> None:
    do_import(admin_client, "sku,stock_adjustment\nMUG,5\n")
    with nothing_changes():
        preview = upload(admin_client, "sku,stock_adjustment\nMUG,6\n")
    text = "An import of this name has adjusted this product by +5 already."
    assert errors_of_lines(preview) == {
        2: {"stock_adjustment": f"{text} Give another delivery another name."}
    }
    assert "confirm_form" not in preview.context


def test_what_sold_between_the_look_and_the_import_stays_sold(
    admin_client: Client, client: APIClient, mug: Product
) -> None:
    preview = upload(admin_client, "sku,stock,stock_adjustment\nMUG,10,5\n")
    member_buys(client, mug, 4)
    confirm(admin_client, preview)
    assert stock_of("MUG") == 11


def test_the_stock_of_a_file_changes_no_product_that_is_there(
    admin_client: Client, client: APIClient, mug: Product
) -> None:
    content = exported(admin_client, "csv")
    member_buys(client, mug, 4)
    with nothing_changes():
        preview = upload(admin_client, content)
        assert "The file&#x27;s stock of 10 changes nothing" in preview.content.decode()
        confirm(admin_client, preview)
    assert stock_of("MUG") == 6


def test_an_empty_cell_and_a_column_left_out_change_nothing(
    admin_client: Client, make_product: Callable[..., Product], kitchen: Category
) -> None:
    make_product(sku="A", name="a", description="d", category=kitchen, price=7, is_active=False)
    with nothing_changes():
        do_import(admin_client, "sku,name,description,category,price,is_active,stock\nA,,,,,,\n")
        do_import(admin_client, "SKU\nA\n")


def test_a_line_that_is_refused_by_then_leaves_the_others_alone(
    admin_client: Client, client: APIClient, mug: Product, make_product: Callable[..., Product]
) -> None:
    make_product(sku="CUP", stock=10)
    preview = upload(admin_client, "sku,stock_adjustment\nMUG,-8\nCUP,-8\n")
    member_buys(client, mug, 4)
    assert messages_on(confirm(admin_client, preview)) == [
        "Imported: 0 new, 1 changed, 0 as they were.",
        "Line 2 was refused: Only 6 are in stock.",
    ]
    assert (stock_of("MUG"), stock_of("CUP")) == (6, 2)


def test_a_second_click_imports_nothing_twice(admin_client: Client, mug: Product) -> None:
    preview = upload(admin_client, "sku,stock_adjustment\nMUG,5\n")
    confirm(admin_client, preview)
    with nothing_changes():
        page = confirm(admin_client, preview)
    assert messages_on(page) == [
        "This file was imported already. Imported: 0 new, 1 changed, 0 as they were."
    ]


# --- Files --------------------------------------------------------------------------------------

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
        (b"PK\x03\x04 no archive", "This Excel file can't be read."),
        (b"name,price\na,1\n", "The header has no column sku."),
        (b"sku,prise\na,1\n", "columns that aren't known: prise."),
        (b"sku,,name\na,1,b\n", "columns that aren't known: (empty)."),
        (b"sku,sku\na,b\n", "The header has a column twice."),
        (b'sku,name\nA,"open\nB,c\n', "is a quotation mark missing?"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "columns that aren't known"),
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
    assert "This Excel file can't be read." in errors_of_file(page)


def test_an_import_needs_a_file_and_a_name(admin_client: Client) -> None:
    page = upload(admin_client, "", name=" ")
    assert page.context["form"].errors == {
        "import_file": ["The submitted file is empty."],
        "import_name": ["This field is required."],
    }


# --- Lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cell", "error"),
    [
        ("price", "12.5", "“12.5” is no whole number."),
        ("price", "1e9", "“1e9” is no whole number."),
        ("price", "비쌈", "“비쌈” is no whole number."),
        ("price", "-1", "It must be from 0 to 1,000,000,000."),
        ("price", "1000000001", "It must be from 0 to 1,000,000,000."),
        ("price", "9" * 5_000, "It must be from 0 to 1,000,000,000."),
        ("stock_adjustment", "-11", "Only 10 are in stock."),
        ("stock_adjustment", "999999999", "The stock would exceed its limit."),
        ("stock_adjustment", "9" * 30, "It must be from -1,000,000,000 to 1,000,000,000."),
        ("is_active", "maybe", "“maybe” is neither yes nor no."),
        (
            "category",
            "없는 것",
            "There is no category “없는 것”. Add it first, or correct its name.",
        ),
        ("name", "가" * 201, "Ensure this value has at most 200 characters (it has 201)."),
        ("name", "a\x00b", "It has a character that can't be seen (U+0000)."),
    ],
)
def test_what_is_wrong_with_a_cell_is_said_of_its_line(
    admin_client: Client, mug: Product, column: str, cell: str, error: str
) -> None:
    with nothing_changes():
        preview = upload(admin_client, f"sku,{column}\nMUG,{cell}\n")
    assert errors_of_lines(preview) == {2: {column: error}}
    assert "confirm_form" not in preview.context


@pytest.mark.parametrize(
    ("sku", "error"),
    [
        ("", "Each line needs a SKU."),
        ("8.80E+12", "Excel has shortened this number"),
        ("=1+1", "Letters, digits and"),
        ("a b", "Letters, digits and"),
        ("A" * 65, "at most 64 characters"),
    ],
)
def test_an_sku_that_is_none_is_refused(admin_client: Client, sku: str, error: str) -> None:
    with nothing_changes():
        preview = upload(admin_client, f"sku,name,price\n{sku},a,1\n")
    assert error in errors_of_lines(preview)[2]["sku"]


def test_all_that_is_wrong_is_said_at_once(admin_client: Client, mug: Product) -> None:
    with nothing_changes():
        preview = upload(
            admin_client,
            "sku,name,price,stock_adjustment\nMUG,a,1,\nNEW,,,5\nMUG,b,x,\nTOO,a,1,,,,9\n",
        )
    errors = errors_of_lines(preview)
    assert errors == {
        3: {
            "name": "This field cannot be blank.",
            "price": "This field cannot be null.",
            "stock_adjustment": (
                "There is no product with this SKU yet: its opening stock belongs in the column"
                " stock."
            ),
        },
        4: {"price": "“x” is no whole number.", "sku": "Line 2 has this SKU already."},
        5: {"sku": "This line has more cells than the header."},
    }


# --- There and back -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_was_exported_is_imported_without_a_change(
    admin_client: Client, make_product: Callable[..., Product], kitchen: Category, kind: str
) -> None:
    make_product(name="=cmd|' /C calc'!A0", description="-1+1", category=kitchen)
    make_product(name="'quoted", description='a "b", c;\nd', price=0, stock=0, is_active=False)
    make_product(sku="00123", name="텀블러 🧊")
    content = exported(admin_client, kind)
    if kind == "csv":
        assert content.startswith("\ufeff".encode())
        assert b"'=cmd|" in content
    with nothing_changes():
        page = upload(admin_client, content, file_name=f"x.{kind}")
        assert counts(page) == (0, 0, 3)
        confirm(admin_client, page)
    assert COLUMNS == ["sku", "name", "description", "category", "price", "is_active", "stock",
                       "stock_adjustment"]  # fmt: skip


# --- At the same moment -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_one_import_sent_by_two_while_orders_come_in_counts_once(
    make_member: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    products = [make_product(sku=f"A-{number}", stock=10) for number in range(5)]
    rows = [ImportRow(n, f"A-{n}", stock_adjustment=7) for n in reversed(range(5))]
    rows += [ImportRow(9, "NEW", {"name": "새것", "price": 1_000}, stock=3)]
    works = [lambda: import_products(rows, name="납품") for _ in range(2)]
    orders = [
        order(make_member(balance=100_000), *((one.pk, 1) for one in products)) for _ in range(6)
    ]
    answers = race(orders, meanwhile=works)
    assert tally(answers) == {"201": 6}
    stocks = Product.objects.order_by("sku").values_list("sku", "stock")
    assert dict(stocks) == {f"A-{number}": 11 for number in range(5)} | {"NEW": 3}


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.django_db(transaction=True)
def test_an_import_whose_commit_was_lost_counts_once(mug: Product, happened: bool) -> None:
    rows = [
        ImportRow(2, "MUG", {"price": 5}, stock_adjustment=7),
        ImportRow(3, "NEW", {"name": "새것", "price": 1_000}, stock=3),
    ]
    with lost_commits(happened=happened):
        outcomes = import_products(rows, name="납품")
    assert [(one.row.sku, one.is_new, one.writes) for one in outcomes] == [
        ("MUG", False, True),
        ("NEW", True, True),
    ]
    assert dict(Product.objects.values_list("sku", "stock")) == {"MUG": 17, "NEW": 3}
    assert StockAdjustment.objects.filter(reason="import: 납품").count() == 2


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_every_line_is_in_one_batch(db: None, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr("products.services.importing.IMPORT_BATCH", 2)
    skus = [f"A-{number}" for number in range(count)]
    rows = [ImportRow(n, sku, {"name": sku, "price": 1}) for n, sku in enumerate(skus, start=2)]
    assert [one.row.sku for one in preview_import(rows, name="납품")] == skus
    assert [one.row.sku for one in import_products(rows, name="납품")] == skus
    assert sorted(Product.objects.values_list("sku", flat=True)) == skus


def test_a_sku_that_is_taken_while_a_batch_is_planned_is_found_at_the_next_attempt(
    db: None, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = make_product(sku="TAKEN", name="a colleague's", price=5, stock=4)
    plan, seen = importing._plan_import, []

    def plan_too_early(rows: Any, products: Any, name: str) -> Any:
        seen.append(products)
        return plan(rows, products if len(seen) > 1 else {}, name)

    monkeypatch.setattr(importing, "_plan_import", plan_too_early)
    rows = [
        ImportRow(2, "NEW", {"name": "새것", "price": 1_000}, stock=3),
        ImportRow(3, "TAKEN", {"name": "ours", "price": 6}, stock=9),
    ]
    outcomes = import_products(rows, name="납품")
    assert [(one.row.sku, one.is_new, one.writes) for one in outcomes] == [
        ("NEW", True, True),
        ("TAKEN", False, True),
    ]
    columns = ("pk", "name", "price", "stock")
    assert Product.objects.filter(sku="TAKEN").values_list(*columns).get() == (
        *(taken.pk, "ours", 6, 4),
    )
    assert Product.objects.filter(sku="NEW").values_list("stock", flat=True).get() == 3
    assert StockAdjustment.objects.filter(reason="import: 납품").count() == 1


# --- Who may, and what it costs -----------------------------------------------------------------


def test_who_may_not_add_and_change_products_imports_none(db: None, mug: Product) -> None:
    for permissions in (["view_product"], ["view_product", "change_product"], ["add_product"]):
        browser = staff_client(*(f"products.{name}" for name in permissions))
        with nothing_changes():
            assert browser.get(IMPORT).status_code == 403
            assert upload(browser, "sku,price\nMUG,1\n").status_code == 403
            assert browser.post(CONFIRM, {}).status_code == 403


def test_the_statements_of_an_import_dont_grow_with_its_lines(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    def statements(count: int, name: str) -> int:
        lines = [f"{name}-{number},상품 {number},1000,5" for number in range(count)]
        preview = upload(admin_client, "sku,name,price,stock\n" + "\n".join(lines), name=name)
        return count_statements(confirm, admin_client, preview)

    statements(1, "first")
    few = statements(10, "few")
    assert statements(50, "many") == few


def test_the_statements_of_an_import_and_its_undo_dont_grow_with_what_changes(
    admin_client: Client, kitchen: Category, desk: Category, make_product: Callable[..., Product]
) -> None:
    def statements(count: int) -> tuple[int, int]:
        for number in range(count):
            make_product(sku=f"{count}-{number}", category=kitchen, description="전")
        lines = [f"{count}-{number},새 이름,설명,책상,2" for number in range(count)]
        text = "sku,name,description,category,price\n" + "\n".join(lines)
        preview = upload(admin_client, text, name=str(count))
        importing = count_statements(confirm, admin_client, preview)
        address = f"/admin/products/importfile/{ImportFile.objects.get(name=str(count)).pk}/undo/"
        return importing, count_statements(admin_client.post, address, {"reason": "이유"})

    statements(1)
    few = statements(10)
    assert statements(50) == few
    assert set(Product.objects.values_list("category", "description")) == {(kitchen.pk, "전")}


def test_a_batch_costs_nine_statements_at_most(
    mug: Product, kitchen: Category, make_product: Callable[..., Product]
) -> None:
    make_product(sku="CUP", category=kitchen)
    rows = [
        ImportRow(
            2, "MUG", {"name": "새 이름", "price": 5, "category": kitchen}, stock_adjustment=7
        ),
        ImportRow(3, "CUP", {"price": 6}, stock_adjustment=1),
        ImportRow(4, "NEW", {"name": "새것", "price": 1_000}, stock=3),
        ImportRow(5, "NEW-2", {"name": "새것", "price": 1_000}, stock=3),
    ]
    assert count_statements(import_products, rows, name="납품") <= 9 + 2  # the transaction's two


def test_a_stock_that_was_adjusted_meanwhile_is_the_base(
    admin_client: Client, mug: Product
) -> None:
    preview = upload(admin_client, "sku,stock_adjustment\nMUG,-3\n")
    adjust_stock(product_id=mug.pk, quantity=-5, reason="broken")
    confirm(admin_client, preview)
    assert stock_of("MUG") == 2
