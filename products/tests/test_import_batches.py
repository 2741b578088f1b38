"""An import's batches: at the same moment as others, over a lost commit, and what they cost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from ecommerce.tests.expectations import count_statements
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.races import order, race, tally
from products.models import Category, ImportFile, Product, StockAdjustment
from products.services import importing
from products.services.importing import ImportRow, import_products, preview_import
from products.tests.importing import confirm, upload
from users.models import User


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
