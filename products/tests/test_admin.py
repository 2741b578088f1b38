"""Products and their stock in the admin."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from common.errors import Busy
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in, logged, member_buys, staff_client
from products.models import STOCK_MAX, Category, Product, StockAdjustment
from products.services import change_product

LIST = "/admin/products/product/"
ADD = LIST + "add/"


def change_url(product: Product) -> str:
    return f"{LIST}{product.pk}/change/"


def adjust_url(product: Product) -> str:
    return f"{LIST}{product.pk}/adjust_stock/"


def names_found(browser: Client, text: str, url: str = LIST) -> list[str]:
    return [str(row) for row in browser.get(url, {"q": text}).context["cl"].result_list]


def test_a_new_product_opens_with_its_stock(admin_client: Client, admin_user: Any) -> None:
    category = Category.objects.create(name="주방", slug="주방")
    form = filled_in(admin_client.get(ADD)) | {
        "name": "텀블러 TUMBLER",
        "description": "500 ml",
        "category": category.pk,
        "price": 15_000,
        "opening_stock": 30,
    }
    answer = admin_client.post(ADD, form)
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    product = Product.objects.values(
        "name", "search_name", "description", "category", "price", "stock", "is_active"
    ).get()
    assert product == {
        "name": "텀블러 TUMBLER",
        "search_name": "텀블러 tumbler",
        "description": "500 ml",
        "category": category.pk,
        "price": 15_000,
        "stock": 30,
        "is_active": True,
    }
    adjustment = StockAdjustment.objects.get()
    assert (adjustment.quantity, adjustment.stock_after) == (30, 30)
    assert (adjustment.reason, adjustment.created_by) == ("opening stock", admin_user)
    assert logged() == [("admin", "Added.")]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "This field is required."),
        ("price", "-1", "Ensure this value is greater than or equal to 0."),
        ("price", "1000000001", "Ensure this value is less than or equal to 1000000000."),
        ("opening_stock", "-1", "Ensure this value is greater than or equal to 0."),
        ("opening_stock", "", "This field is required."),
    ],
)
def test_a_new_product_with_a_wrong_value_is_refused(
    admin_client: Client, field: str, value: str, message: str
) -> None:
    form = filled_in(admin_client.get(ADD)) | {"name": "mug", "price": 1, field: value}
    with nothing_changes():
        answer = admin_client.post(ADD, form)
    assert errors_on(answer) == {field: [message]}


def test_a_refusal_of_the_service_is_an_error_of_the_form(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_busy(**terms: Any) -> Product:
        raise Busy

    monkeypatch.setattr("products.admin.create_product", too_busy)
    with nothing_changes():
        answer = admin_client.post(ADD, {"name": "mug", "price": 1, "opening_stock": 3})
    assert errors_on(answer) == {"__all__": [str(Busy.message)]}
    assert answer.context["adminform"].form["name"].value() == "mug"
    assert logged() == []


def test_a_sale_between_opening_and_saving_a_form_survives(
    admin_client: Client, client: APIClient, product: Product
) -> None:
    form = filled_in(admin_client.get(change_url(product)))
    member_buys(client, product, 4)
    changed = {"name": "Mug", "price": 2_000, "reason": "인상"}
    answer = admin_client.post(change_url(product), form | changed)
    assert answer.status_code == 302
    product.refresh_from_db()
    assert (product.stock, product.name, product.search_name) == (6, "Mug", "mug")
    assert product.price == 2_000
    changes = "Name: 스테인리스 텀블러 → Mug; Price (won): 1,000 → 2,000 (인상)"
    assert logged() == [("admin", changes)]


def test_a_sale_and_a_colleagues_change_while_a_form_is_being_saved_survive(
    admin_client: Client, client: APIClient, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed_late(**changes: Any) -> Product:
        # After the form was found valid, with the product as it was then; before the row is locked.
        member_buys(client, product, 4)
        change_product(product_id=product.pk, description="new", price=3_000)
        return change_product(**changes)

    form = filled_in(admin_client.get(change_url(product)))
    monkeypatch.setattr("products.admin.change_product", changed_late)
    sent = form | {"name": "Mug", "reason": "오타"}
    assert admin_client.post(change_url(product), sent).status_code == 302
    product.refresh_from_db()
    assert (product.stock, product.name, product.search_name) == (6, "Mug", "mug")
    assert (product.description, product.price) == ("new", 3_000)


@pytest.mark.parametrize("change", [{"price": 2_000}, {"is_active": ""}, {"description": "new"}])
def test_every_change_needs_a_reason(
    admin_client: Client, product: Product, change: dict[str, Any]
) -> None:
    form = filled_in(admin_client.get(change_url(product))) | change
    with nothing_changes():
        for reason in ({}, {"reason": ""}, {"reason": "  "}):
            answer = admin_client.post(change_url(product), form | reason)
            assert errors_on(answer) == {"reason": ["Say why: this is kept in the log."]}
    assert logged() == []


@pytest.mark.parametrize("page", ["add", "change"])
def test_a_taken_sku_is_an_error_of_the_form(
    admin_client: Client, make_product: Callable[..., Product], product: Product, page: str
) -> None:
    make_product(sku="MUG-1")
    url = ADD if page == "add" else change_url(product)
    form = filled_in(admin_client.get(url)) | {"sku": "MUG-1", "name": "mug", "price": 1_000}
    form["reason"] = "새 번호"
    with nothing_changes():
        answer = admin_client.post(url, form)
    assert errors_on(answer) == {"sku": ["Another product has this SKU."]}


def test_an_sku_taken_while_the_form_is_being_saved_is_an_error_of_the_form(
    admin_client: Client,
    make_product: Callable[..., Product],
    product: Product,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def changed_late(**changes: Any) -> Product:
        if not Product.objects.filter(sku="MUG-1").exists():
            make_product(sku="MUG-1")
        return change_product(**changes)

    form = filled_in(admin_client.get(change_url(product))) | {"sku": "MUG-1", "reason": "새 번호"}
    monkeypatch.setattr("products.admin.change_product", changed_late)
    answer = admin_client.post(change_url(product), form)
    assert errors_on(answer) == {"sku": ["Another product has this SKU."]}
    assert logged() == []


def test_a_new_product_without_an_sku_gets_one(admin_client: Client) -> None:
    form = filled_in(admin_client.get(ADD)) | {"sku": "", "name": "mug", "price": 1}
    assert admin_client.post(ADD, form).status_code == 302
    assert re.fullmatch("P-[0-9A-Z]{16}", Product.objects.get().sku)


def test_the_stock_cannot_be_sent_with_the_form(admin_client: Client, product: Product) -> None:
    form = filled_in(admin_client.get(change_url(product)))
    sent = {"stock": 999, "stock_now": 999, "opening_stock": 999, "search_name": "x"}
    with nothing_changes():
        assert admin_client.post(change_url(product), form | sent).status_code == 302


def test_a_product_is_withdrawn_by_its_form(admin_client: Client, product: Product) -> None:
    form = filled_in(admin_client.get(change_url(product)))
    del form["is_active"]
    assert admin_client.post(change_url(product), form | {"reason": "단종"}).status_code == 302
    product.refresh_from_db()
    assert (product.is_active, product.stock) == (False, 10)
    assert logged() == [("admin", "Active: yes → no (단종)")]


@pytest.mark.parametrize(
    "text",
    ["텀블", "steel", "STEEL 텀블러", "ＳＴＥＥＬ", "\u1110\u1165\u11b7\u1107\u1173\u11af"],
    ids=["part", "lower", "upper", "full-width", "decomposed"],
)
@pytest.mark.parametrize("rows", [LIST, "/admin/products/stockadjustment/"])
def test_a_product_is_found_by_a_part_of_its_name_however_typed(
    admin_client: Client, make_product: Callable[..., Product], text: str, rows: str
) -> None:
    make_product(name="Steel 텀블러")
    make_product(name="머그컵")
    (found,) = names_found(admin_client, text, rows)
    assert found.startswith("Steel 텀블러")


def test_products_are_filtered_by_stock(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    make_product(name="many", stock=11)
    make_product(name="some", stock=1)
    make_product(name="none", stock=0)
    shown = {
        choice: [
            row.name for row in admin_client.get(LIST, {"stock": choice}).context["cl"].queryset
        ]
        for choice in ("left", "low", "none", "bogus")
    }
    assert shown == {
        "left": ["some", "many"],
        "low": ["some"],
        "none": ["none"],
        "bogus": ["none", "some", "many"],
    }


def test_a_change_of_a_category_needs_a_reason_and_is_logged_with_it(admin_client: Client) -> None:
    category = Category.objects.create(name="주방", slug="kitchen")
    url = f"/admin/products/category/{category.pk}/change/"
    form = filled_in(admin_client.get(url)) | {"name": "부엌"}

    with nothing_changes():
        answer = admin_client.post(url, form)
    assert errors_on(answer) == {"reason": ["Say why: this is kept in the log."]}
    assert admin_client.post(url, form | {"reason": "우리말"}).status_code == 302
    assert Category.objects.get().name == "부엌"
    assert logged() == [("admin", "Name: 주방 → 부엌 (우리말)")]


def test_a_category_is_added_with_a_korean_slug(admin_client: Client) -> None:
    added = admin_client.post(
        "/admin/products/category/add/", {"name": "주방", "slug": "주방-용품"}
    )
    assert added.status_code == 302
    assert list(Category.objects.values_list("name", "slug")) == [("주방", "주방-용품")]


# --- Adjusting stock ----------------------------------------------------------------------------


def test_opening_the_adjustment_shows_the_stock_and_changes_nothing(
    admin_client: Client, product: Product
) -> None:
    with nothing_changes():
        page = admin_client.get(adjust_url(product), {"quantity": 5, "reason": "a link"})
    assert {str(label): str(value) for label, value in page.context["facts"].items()} == {
        "product": "스테인리스 텀블러",
        "stock": "10",
    }


@pytest.mark.parametrize(("quantity", "stock"), [(5, 15), (-10, 0)])
def test_stock_is_adjusted_for_a_reason(
    admin_client: Client, admin_user: Any, product: Product, quantity: int, stock: int
) -> None:
    form = {"quantity": quantity, "reason": "  재고 실사 "}
    answer = admin_client.post(adjust_url(product), form)
    assert (answer.status_code, answer["Location"]) == (302, change_url(product))
    product.refresh_from_db()
    assert product.stock == stock
    adjustment = product.adjustments.first()
    assert adjustment is not None
    assert (adjustment.quantity, adjustment.stock_after) == (quantity, stock)
    assert (adjustment.reason, adjustment.created_by) == ("재고 실사", admin_user)
    done = f"Stock adjusted by {quantity:+} to {stock}: 재고 실사"
    assert logged() == [("admin", done)]
    assert done in admin_client.get(change_url(product)).content.decode()


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        ({"quantity": -11, "reason": "lost"}, {"__all__": ["Not enough of this product is left."]}),
        (
            {"quantity": STOCK_MAX, "reason": "found"},
            {"__all__": ["The stock would exceed its limit."]},
        ),
        ({"quantity": 0, "reason": "none"}, {"quantity": ["It must not be 0."]}),
        ({"quantity": "", "reason": "none"}, {"quantity": ["This field is required."]}),
        ({"quantity": "1.5", "reason": "half"}, {"quantity": ["Enter a whole number."]}),
        ({"quantity": 1, "reason": " "}, {"reason": ["This field is required."]}),
        (
            {"quantity": 1, "reason": "x" * 201},
            {"reason": ["Ensure this value has at most 200 characters (it has 201)."]},
        ),
        ({}, {name: ["This field is required."] for name in ("quantity", "reason")}),
    ],
)
def test_an_adjustment_that_cannot_be_is_refused_at_its_form(
    admin_client: Client, product: Product, form: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    with nothing_changes():
        answer = admin_client.post(adjust_url(product), form)
    assert errors_on(answer) == errors
    assert logged() == []


def test_the_stock_by_now_is_shown_with_a_refusal(
    admin_client: Client, client: APIClient, product: Product
) -> None:
    assert admin_client.get(adjust_url(product)).context["facts"]["stock"] == "10"
    member_buys(client, product, 4)
    answer = admin_client.post(adjust_url(product), {"quantity": -7, "reason": "lost"})
    assert errors_on(answer) == {"__all__": ["Not enough of this product is left."]}
    assert list(answer.context["facts"].values()) == [product, "6"]
    product.refresh_from_db()
    assert product.stock == 6


def test_who_may_only_look_sees_no_button_and_is_refused(db: None, product: Product) -> None:
    browser = staff_client("products.view_product")
    assert "adjust_stock" not in browser.get(LIST).content.decode()
    assert "adjust_stock" not in browser.get(change_url(product)).content.decode()
    with nothing_changes():
        form = {"quantity": 5, "reason": "mine"}
        assert browser.get(adjust_url(product)).status_code == 403
        assert browser.post(adjust_url(product), form).status_code == 403
        assert browser.post(change_url(product), {"name": "x", "price": 1}).status_code == 403


def test_who_may_change_products_has_the_button_in_list_and_form(
    db: None, product: Product
) -> None:
    browser = staff_client("products.change_product")
    for url in (LIST, change_url(product)):
        assert f'href="{adjust_url(product)}"' in browser.get(url).content.decode()


def test_a_form_of_another_site_adjusts_nothing(admin_user: Any, product: Product) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin_user)
    with nothing_changes():
        answer = browser.post(adjust_url(product), {"quantity": 5, "reason": "forged"})
    assert answer.status_code == 403


def test_a_form_from_before_a_colleagues_change_undoes_none_of_it(
    admin_client: Client, product: Product
) -> None:
    form = filled_in(admin_client.get(change_url(product)))
    change_product(product_id=product.pk, price=2_000, name="머그컵", sku="MUG", is_active=False)
    answer = admin_client.post(change_url(product), form | {"description": "500 ml", "reason": "x"})
    assert answer.status_code == 302
    columns = ("price", "name", "sku", "is_active", "description")
    assert Product.objects.values_list(*columns).get() == (2_000, "머그컵", "MUG", False, "500 ml")
    assert logged() == [("admin", "Description: – → 500 ml (x)")]


@pytest.mark.parametrize("key", ["999999", "none", "99999999999999999999999"])
def test_a_product_that_is_not_there_leads_back_to_the_index(
    admin_client: Client, key: str
) -> None:
    for page in ("adjust_stock", "change"):
        answer = admin_client.get(f"{LIST}{key}/{page}/")
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
