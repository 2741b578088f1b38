"""Prices, and what is on sale, changed in the list of products."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.http import HttpResponse
from django.test import Client

from common.errors import Busy
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.races import send_at_once
from ecommerce.tests.rendered_forms import Form, filled, form_on
from ecommerce.tests.staff import logged, staff_client
from products.models import PRICE_MAX, Product

LIST = "/admin/products/product/"
MAY_LOOK, MAY_CHANGE = "products.view_product", "products.change_product"
NOTHING_SAVED = "Nothing was saved. To put yours in its place, save once more."


@pytest.fixture
def rows(make_product: Callable[..., Product]) -> list[Product]:
    """As the list has them, newest first."""
    prices = {"A": 12_900, "B": 5_000, "C": 0}
    made = [make_product(sku=sku, name=f"상품 {sku}", price=prices[sku]) for sku in prices]
    return made[::-1]


def opened(browser: Client, address: str = LIST) -> Form:
    return filled(form_on(browser.get(address)), _save="Save", reason="인상")


def saved(browser: Client, form: Form, address: str = LIST) -> HttpResponse:
    return browser.post(address, form)


def place(form: Form, product: Product) -> str:
    """How the inputs of a product begin."""
    (name,) = (name for name in form if name.endswith("-id") and form[name] == [str(product.pk)])
    return name.removesuffix("id")


def typed(form: Form, product: Product, **values: Any) -> Form:
    return filled(form, **{place(form, product) + name: values[name] for name in values})


def by_now() -> dict[str, tuple[int, bool]]:
    return {one.sku: (one.price, one.is_active) for one in Product.objects.all()}


def test_what_is_changed_in_the_list_is_saved_and_told(
    admin_client: Client, rows: list[Product]
) -> None:
    _c, b, a = rows
    form = opened(admin_client)
    assert form[place(form, a) + "price"] == ["12,900"]
    form = typed(form, a, price="13,900", is_active=None)
    form = typed(form, b, price="5500")
    answer = saved(admin_client, form)
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    assert by_now() == {"A": (13_900, False), "B": (5_500, True), "C": (0, True)}
    assert sorted(logged()) == [
        ("admin", "Price (won): 12,900 → 13,900; Active: yes → no (인상)"),
        ("admin", "Price (won): 5,000 → 5,500 (인상)"),
    ]
    again = saved(admin_client, form)  # a second click, or the way back
    assert again.status_code == 302
    assert len(logged()) == 2


def test_a_filtered_and_sorted_list_is_saved_as_it_is_seen(
    admin_client: Client, rows: list[Product]
) -> None:
    address = f"{LIST}?o=4&q=%EC%83%81%ED%92%88&is_active__exact=1"
    form = typed(opened(admin_client, address), rows[2], price="1", is_active=None)
    assert saved(admin_client, form, address)["Location"] == address
    assert by_now()["A"] == (1, False)


def test_a_colleagues_change_is_told_with_both_values_and_nothing_is_saved(
    admin_client: Client, rows: list[Product]
) -> None:
    _c, b, a = rows
    form = typed(opened(admin_client), a, price="14,000")
    form = typed(form, b, price="5,500")
    colleague = staff_client(MAY_LOOK, MAY_CHANGE)
    saved(colleague, typed(opened(colleague), a, price="13,000"))
    with nothing_changes():
        page = saved(admin_client, form)
    shown = page.content.decode()
    assert "this is “13,000” by now" in shown
    assert "you entered “14,000”" in shown
    assert NOTHING_SAVED in shown
    assert "Price (won): 12,900 → 13,000 (인상)" in shown
    assert page.context["cl"].formset.why["reason"].value() == "인상"
    once_more = filled(form_on(page), _save="Save", reason="인상")
    assert saved(admin_client, once_more).status_code == 302
    assert by_now() == {"A": (14_000, True), "B": (5_500, True), "C": (0, True)}


def test_rows_stay_beside_their_names_when_the_list_changed_meanwhile(
    admin_client: Client, rows: list[Product], make_product: Callable[..., Product]
) -> None:
    form = typed(opened(admin_client), rows[0], price="nonsense")
    make_product(name="새 상품")
    page = saved(admin_client, form)
    shown = [row.pk for row in page.context["cl"].result_list]
    assert shown == [form.instance.pk for form in page.context["cl"].formset.forms]
    assert shown == [row.pk for row in rows]


def test_a_list_of_several_pages_is_changed_page_by_page(admin_client: Client) -> None:
    Product.objects.bulk_create(
        Product(name=f"p{number}", sku=f"T-{number}", price=1_000) for number in range(51)
    )
    address = f"{LIST}?p=2"
    form = opened(admin_client, address)
    assert (form["form-TOTAL_FORMS"], form["form-0-price"]) == (["1"], ["1,000"])
    assert (
        saved(admin_client, filled(form, **{"form-0-price": "2,000"}), address).status_code == 302
    )
    assert Product.objects.get(price=2_000).sku == "T-0"
    assert opened(admin_client)["form-TOTAL_FORMS"] == ["50"]


def test_what_was_left_alone_stays_as_a_colleague_made_it(
    admin_client: Client, rows: list[Product]
) -> None:
    form = typed(opened(admin_client), rows[1], price="7,000")
    Product.objects.filter(sku="A").update(price=1, is_active=False)
    Product.objects.filter(sku="B").update(is_active=False)
    assert saved(admin_client, form).status_code == 302
    assert by_now() == {"A": (1, False), "B": (7_000, False), "C": (0, True)}


@pytest.mark.parametrize(
    ("price", "told"),
    [
        ("0", "At 0 won anybody may have it for nothing"),
        ("-1", "greater than or equal to 0"),
        (f"{PRICE_MAX + 1}", "less than or equal to"),
        ("9" * 40, "less than or equal to"),
        ("12,90", "Enter a whole number."),
        ("1.5", "Enter a whole number."),
        ("만원", "Enter a whole number."),
        ("", "This field is required."),
    ],
)
def test_a_price_that_makes_no_sense_is_refused_at_its_row(
    admin_client: Client, rows: list[Product], price: str, told: str
) -> None:
    form = typed(opened(admin_client), rows[2], price=price)
    form = typed(form, rows[1], price="6,000")
    with nothing_changes():
        page = saved(admin_client, form)
    errors = page.context["cl"].formset.errors
    assert [list(error) for error in errors] == [[], [], ["price"]]
    assert told in page.content.decode()


def test_who_gives_no_reason_changes_nothing(admin_client: Client, rows: list[Product]) -> None:
    form = filled(typed(opened(admin_client), rows[1], price="6,000"), reason=" ")
    with nothing_changes():
        page = saved(admin_client, form).content.decode()
    assert "Say why: this is kept in the log." in page
    assert 'value="6,000"' in page
    unchanged = filled(opened(admin_client), reason="")
    with nothing_changes():
        assert saved(admin_client, unchanged).status_code == 302


def test_who_only_looks_has_no_inputs_and_is_refused(db: None, rows: list[Product]) -> None:
    form = typed(opened(staff_client(MAY_LOOK, MAY_CHANGE)), rows[1], price="6,000")
    browser = staff_client(MAY_LOOK)
    page = browser.get(LIST).content.decode()
    assert "form-0-price" not in page
    assert "shop-save" not in page
    assert "12,900" in page
    with nothing_changes():
        assert saved(browser, form).status_code == 403


@pytest.mark.parametrize(
    "sent",
    [
        {"form-0-id": "x"},
        {"form-0-id": "999999999"},
        {"form-0-id": "9" * 30},
        {"form-1-id": None},
        {"form-7-id": "1"},
        {"form-TOTAL_FORMS": None},
        {"form-TOTAL_FORMS": "99999"},
        {"form-INITIAL_FORMS": "0"},
        {"form-TOTAL_FORMS": "x"},
    ],
    ids=repr,
)
def test_a_form_that_was_tampered_with_changes_nothing(
    admin_client: Client, rows: list[Product], sent: dict[str, Any]
) -> None:
    form = filled(typed(opened(admin_client), rows[2], price="1"), **sent)
    if "form-1-id" in sent:
        form["form-1-id"] = form["form-0-id"]
    with nothing_changes():
        assert saved(admin_client, form).status_code in (200, 302, 400)


def test_a_busy_shop_is_told_and_what_was_typed_stays(
    admin_client: Client, rows: list[Product]
) -> None:
    form = typed(opened(admin_client), rows[2], price="13,500")
    with nothing_changes(), mock.patch("products.admin.change_product", side_effect=Busy()):
        page = saved(admin_client, form).content.decode()
    assert "The shop is busy and nothing was changed." in page
    assert 'value="13,500"' in page


def test_an_action_on_chosen_rows_saves_no_inputs(
    admin_client: Client, rows: list[Product]
) -> None:
    form = typed(opened(admin_client), rows[2], price="1")
    chosen = filled(form, action="withdraw", index="0", _selected_action=[rows[2].pk])
    del chosen["_save"]
    with nothing_changes():
        assert "Withdraw from sale" in saved(admin_client, chosen).content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_the_same_row_at_once_one_is_told(
    make_product: Callable[..., Product],
) -> None:
    product = make_product(price=1_000)
    browsers = [staff_client(MAY_LOOK, MAY_CHANGE) for _ in range(2)]
    forms = [
        typed(opened(browser), product, price=price)
        for browser, price in zip(browsers, ("2,000", "3,000"), strict=True)
    ]
    answers = send_at_once(
        [
            lambda browser=browser, form=form: saved(browser, form)  # type: ignore[misc]
            for browser, form in zip(browsers, forms, strict=True)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    assert len(logged()) == 1
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 302)
    product.refresh_from_db()
    assert product.price == (2_000, 3_000)[winner]
