"""Taking an import back: what it changed, as far as nobody has changed it since, once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIClient

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.races import assert_sound
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import errors_on, logged, member_buys, staff_client
from ecommerce.tests.threads import run_together
from products.models import Category, ImportFile, Product, StockAdjustment
from products.services import (
    batches_to_undo,
    change_product,
    import_products,
    undo_batch,
    undo_stock_adjustment,
)
from products.services.importing import IMPORT_BATCH, ImportRow
from products.tests.importing import do_import, errors_of_lines, messages_on, upload

pytestmark = pytest.mark.django_db

FILE = """sku,name,description,category,price,is_active,stock,stock_adjustment
MUG,머그컵 ☕,희다,주방,10900,아니오,,+5
NEW,텀블러,,주방,18900,예,30,
"""
LIST = "/admin/products/importfile/"


@pytest.fixture
def imported(admin_client: Client, mug: Product, kitchen: Category) -> ImportFile:
    """An import that changed every column of one product, and added another."""
    do_import(admin_client, FILE)
    return ImportFile.objects.get()


def page_of(file: ImportFile, page: str = "undo") -> str:
    return f"{LIST}{file.pk}/{page}/"


def undo(browser: Client, file: ImportFile, reason: str = "잘못된 파일") -> HttpResponse:
    form = filled(form_on(browser.get(page_of(file))), reason=reason)
    return browser.post(page_of(file), form, follow=True)


def state_of(sku: str) -> dict[str, Any]:
    columns = ("name", "search_name", "description", "category__name", "price", "is_active")
    return Product.objects.values(*columns, "stock").get(sku=sku)


def rows(page: HttpResponse) -> list[tuple[str, str, str]]:
    """Of the table of changes: product, column, and what undoing does."""
    table = page.context.get("table") or page.context["related_tables"][0]
    return [(str(row[0]).split(">")[1][:-3], str(row[2]), str(row[6])) for row in table.rows]


def test_all_becomes_what_it_was(admin_client: Client, mug: Product, kitchen: Category) -> None:
    before = state_of("MUG")
    do_import(admin_client, FILE)
    file = ImportFile.objects.get()
    assert state_of("MUG") != before
    with nothing_changes():
        shown = rows(admin_client.get(page_of(file)))
    assert ("MUG", "price (won)", "→ 9,900") in shown
    assert ("NEW", "active", "→ no") in shown
    assert ("NEW", "stock", "→ 0") in shown
    page = undo(admin_client, file)
    assert messages_on(page) == ["Import undone: 8 put back, 0 left as they are: 잘못된 파일"]
    assert state_of("MUG") == before
    new = state_of("NEW")
    assert (new["is_active"], new["stock"], new["price"]) == (False, 0, 18_900)
    opposites = StockAdjustment.objects.filter(reason="잘못된 파일").order_by("product__sku")
    assert list(opposites.values_list("product__sku", "quantity", "created_by__username")) == [
        ("MUG", -5, "admin"), ("NEW", -30, "admin"),
    ]  # fmt: skip
    assert "/undo/" not in admin_client.get(page_of(file, "change")).content.decode()
    assert all(note.startswith("Undone: ") for _sku, _what, note in rows(page))


def test_it_is_in_the_log_and_in_the_history_of_each_product(
    admin_client: Client, imported: ImportFile
) -> None:
    undo(admin_client, imported)
    told = [what for _who, what in logged() if "undone" in what]
    assert told[0].startswith("Import undone: 납품 17; name: 머그컵 ☕ → 머그컵; ")
    assert "price (won): 10,900 → 9,900" in told[0]
    assert told[0].endswith("stock adjusted by -5 to 10 (잘못된 파일)")
    assert told[1] == (
        "Import undone: 납품 17; active: yes → no; stock adjusted by -30 to 0 (잘못된 파일)"
    )
    assert told[2] == "Import undone: 8 put back, 0 left as they are: 잘못된 파일"
    product = Product.objects.get(sku="NEW")
    history = admin_client.get(f"/admin/products/product/{product.pk}/history/").content.decode()
    assert "Import undone: 납품 17" in history


def test_it_is_undone_once(admin_client: Client, imported: ImportFile) -> None:
    first, second = (form_on(admin_client.get(page_of(imported))) for _ in range(2))
    assert admin_client.post(page_of(imported), filled(first, reason="가")).status_code == 302
    with nothing_changes():
        page = admin_client.post(page_of(imported), filled(second, reason="나"))
    assert errors_on(page) == {"__all__": ["This was undone already. Nothing was changed."]}


def test_what_somebody_changed_since_stays_and_is_named_with_both_values(
    admin_client: Client, imported: ImportFile, mug: Product
) -> None:
    change_product(product_id=mug.pk, price=12_000)
    change_product(product_id=mug.pk, is_active=True)  # as it was before
    shown = rows(admin_client.get(page_of(imported)))
    assert shown[0] == ("MUG", "price (won)", "Changed since, and left as it is.")
    assert ("MUG", "active", "It is so already.") in shown
    page = undo(admin_client, imported)
    assert messages_on(page) == [
        "MUG, price (won): 12,000 by now, imported was 10,900. Changed since, and left as it is.",
        "Import undone: 7 put back, 1 left as they are: 잘못된 파일",
    ]
    after = state_of("MUG")
    assert (after["price"], after["name"], after["stock"]) == (12_000, "머그컵", 10)
    with nothing_changes():
        assert errors_on(undo(admin_client, imported)) == {
            "__all__": [
                "Nothing of this import can be undone now; the table says why. Nothing was changed."
            ]
        }
    change_product(product_id=mug.pk, price=10_900)
    undo(admin_client, imported)
    assert state_of("MUG")["price"] == 9_900


def test_what_is_sold_is_not_taken_back_but_the_price_is(
    admin_client: Client, client: APIClient, imported: ImportFile
) -> None:
    new = Product.objects.get(sku="NEW")
    member_buys(client, new, 1)
    page = undo(admin_client, imported)
    assert messages_on(page)[0] == (
        "NEW, stock: 29 by now, imported was +30. Fewer are left than it added:"
        " the others were sold or taken out since."
    )
    after = state_of("NEW")
    assert (after["stock"], after["is_active"]) == (29, False)
    assert state_of("MUG")["price"] == 9_900


def test_an_adjustment_that_was_undone_by_itself_is_not_undone_again(
    admin_client: Client, imported: ImportFile, mug: Product
) -> None:
    made = StockAdjustment.objects.get(product=mug, quantity=5)
    undo_stock_adjustment(adjustment_id=made.pk, reason="한 번")
    assert ("MUG", "stock", "It is so already.") in rows(admin_client.get(page_of(imported)))
    undo(admin_client, imported)
    assert state_of("MUG")["stock"] == 10
    made = StockAdjustment.objects.get(product__sku="NEW", quantity=30)
    assert made.is_undone  # and its own page offers it no more


def test_a_category_that_is_gone_is_not_put_back(
    admin_client: Client, mug: Product, kitchen: Category, desk: Category
) -> None:
    change_product(product_id=mug.pk, category=desk)
    do_import(admin_client, "sku,category,price\nMUG,주방,1\n")
    desk.delete()
    page = undo(admin_client, ImportFile.objects.get())
    assert "The category from before is gone." in messages_on(page)[0]
    assert (state_of("MUG")["category__name"], state_of("MUG")["price"]) == ("주방", 9_900)


def test_of_two_imports_the_earlier_is_undone_after_the_later(
    admin_client: Client, mug: Product
) -> None:
    for price in (1_000, 2_000):
        do_import(admin_client, f"sku,price\nMUG,{price}\n", name=f"{price}")
    first, second = ImportFile.objects.order_by("created_at")
    with nothing_changes():
        assert "__all__" in errors_on(undo(admin_client, first))
    undo(admin_client, second)
    assert state_of("MUG")["price"] == 1_000
    undo(admin_client, first)
    assert state_of("MUG")["price"] == 9_900


def test_a_name_whose_stock_was_undone_counts_no_delivery_again(
    admin_client: Client, imported: ImportFile
) -> None:
    undo(admin_client, imported)
    with nothing_changes():
        preview = upload(admin_client, "sku,stock_adjustment\nMUG,5\n")
    assert errors_of_lines(preview) == {
        2: {
            "stock_adjustment": "What an import of this name did to this product's stock was"
            " undone. Give the next one another name."
        }
    }
    do_import(admin_client, "sku,stock_adjustment\nMUG,5\n", name="납품 17-2")
    assert state_of("MUG")["stock"] == 15


def test_an_import_that_changed_nothing_has_nothing_to_undo(
    admin_client: Client, mug: Product
) -> None:
    do_import(admin_client, "sku,price\nMUG,9900\n")
    file = ImportFile.objects.get()
    assert "/undo/" not in admin_client.get(page_of(file, "change")).content.decode()
    with nothing_changes():
        page = admin_client.post(page_of(file), {"reason": "가"})
    assert "__all__" in errors_on(page)


def test_a_file_that_nobody_confirmed_is_no_import(admin_client: Client, mug: Product) -> None:
    upload(admin_client, "sku,price\nMUG,1\n")
    file = ImportFile.objects.get()
    assert admin_client.get(page_of(file)).status_code == 302
    assert list(admin_client.get(LIST).context["cl"].result_list) == []


@pytest.mark.parametrize(
    ("permissions", "sees", "undoes"),
    [
        (("products.view_importfile", "products.view_product"), 200, 403),
        (("products.add_product", "products.change_product"), 403, 403),
        (("products.view_importfile", "products.change_product"), 200, 403),
        (("products.view_importfile", "products.add_product", "products.change_product"), 200, 302),
    ],
)
def test_who_may_import_and_see_imports_undoes_them(
    imported: ImportFile, permissions: tuple[str, ...], sees: int, undoes: int
) -> None:
    browser = staff_client(*permissions)
    assert browser.get(page_of(imported, "change")).status_code == sees
    assert browser.post(page_of(imported), {"reason": "가"}).status_code == undoes
    assert (state_of("MUG")["price"] == 9_900) == (undoes == 302)


def test_it_asks_why(admin_client: Client, imported: ImportFile) -> None:
    with nothing_changes():
        page = admin_client.post(page_of(imported), {"reason": " "})
    assert errors_on(page) == {"reason": ["This field is required."]}


def new_import(staff: Any, rows: list[ImportRow]) -> ImportFile:
    file = ImportFile.objects.create(name="n", content=b"", created_by=staff)
    import_products(rows, name=str(file.pk), file_id=file.pk)
    return file


def test_a_long_import_is_undone_in_batches(admin_user: Any) -> None:
    count = IMPORT_BATCH + 1
    said = {"name": "컵", "price": 10}
    file = new_import(admin_user, [ImportRow(n, f"L-{n}", said, stock=1) for n in range(count)])
    undone = [undo_batch(batch_id=pk, reason="가") for pk in batches_to_undo(file.pk)]
    assert [len(plans) for plans in undone] == [2 * IMPORT_BATCH, 2]
    assert not Product.objects.filter(is_active=True).exists()
    assert not Product.objects.filter(stock__gt=0).exists()


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.django_db(transaction=True)
def test_it_is_undone_once_also_when_the_commit_was_lost(
    admin_user: Any, make_product: Callable[..., Product], happened: bool
) -> None:
    make_product(sku="MUG", stock=1, price=5)
    file = new_import(admin_user, [ImportRow(1, "MUG", {"price": 7}, stock_adjustment=4)])
    with lost_commits(happened=happened):
        plans = undo_batch(batch_id=file.batches.get().pk, reason="가")
    assert [plan.refused for plan in plans] == ["", ""]
    assert (state_of("MUG")["price"], state_of("MUG")["stock"]) == (5, 1)
    assert StockAdjustment.objects.filter(quantity=-4).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_undoes_it(
    admin_user: Any, make_product: Callable[..., Product]
) -> None:
    make_product(sku="MUG", stock=100, price=5)
    file = new_import(admin_user, [ImportRow(1, "MUG", {"price": 7}, stock_adjustment=4)])
    batch = file.batches.get()
    outcomes = run_together([lambda: undo_batch(batch_id=batch.pk, reason="가")] * 4)
    assert sorted(len(plans) for plans in outcomes) == [0, 0, 0, 2]
    assert_sound()
    assert (state_of("MUG")["price"], state_of("MUG")["stock"]) == (5, 100)
    assert file.is_undone
