"""Importing products from a file: the look before, and what is written then."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import logged, member_buys, staff_client
from products.import_files import COLUMNS
from products.models import Category, Product, StockAdjustment
from products.services import adjust_stock
from products.tests.importing import (
    CONFIRM,
    IMPORT,
    confirm,
    counts,
    do_import,
    errors_of_lines,
    exported,
    messages_on,
    upload,
)


def stock_of(sku: str) -> int:
    return Product.objects.get(sku=sku).stock


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


def test_a_stock_that_was_adjusted_meanwhile_is_the_base(
    admin_client: Client, mug: Product
) -> None:
    preview = upload(admin_client, "sku,stock_adjustment\nMUG,-3\n")
    adjust_stock(product_id=mug.pk, quantity=-5, reason="broken")
    confirm(admin_client, preview)
    assert stock_of("MUG") == 2


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


def test_who_may_not_add_and_change_products_imports_none(db: None, mug: Product) -> None:
    for permissions in (["view_product"], ["view_product", "change_product"], ["add_product"]):
        browser = staff_client(*(f"products.{name}" for name in permissions))
        with nothing_changes():
            assert browser.get(IMPORT).status_code == 403
            assert upload(browser, "sku,price\nMUG,1\n").status_code == 403
            assert browser.post(CONFIRM, {}).status_code == 403


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
