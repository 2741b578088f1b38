"""Numbers that staff type: what isn't surely one number is refused by every form alike.

The kind: 18.000, which is eighteen thousand in half of the world and eighteen in the other.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from common.admin.numbers import PlainDecimalField, WholeNumberField
from coupons.models import Coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.rendered_forms import Form, filled, form_on
from products.models import Product, StockAdjustment
from users.models import User, WalletTransaction

pytestmark = pytest.mark.django_db

NO_NUMBERS = [
    *("18.000", "18.", "18.0", "18.00", ".0", "1_000", "0,100", "00,100", "12,90", "1,0000"),
    *("1,,000", ",100", "1,000,", "1,000.0", "1e3", "0x10", "--1", "+-1", "1 000", "1，000"),
    *("−1", "1²", "Ⅷ", "만원", "９" * 5_000),
]
NUMBERS = {
    "18": 18,
    " 18,000 ": 18_000,
    "18000": 18_000,
    "+1,234": 1_234,
    "1,234,567": 1_234_567,
    "0018": 18,
    "１２３４": 1_234,
    "１,２３４": 1_234,
}
WHOLE, DECIMAL = "Enter a whole number.", "Enter a number."
OURS = ("users", "products", "coupons", "events", "ecommerce")
PRODUCTS, COUPONS, USERS = (
    "/admin/products/product/",
    "/admin/coupons/coupon/",
    "/admin/users/user/",
)


@pytest.fixture
def pages(
    make_product: Callable[..., Product], make_coupon: Callable[..., Coupon], member: User
) -> dict[str, tuple[str, str]]:
    """Where whole numbers are typed: the address and the field."""
    product, coupon = make_product(), make_coupon()
    return {
        "list": (PRODUCTS, "form-0-price"),
        "product": (f"{PRODUCTS}{product.pk}/change/", "price"),
        "new product": (f"{PRODUCTS}add/", "price"),
        "opening stock": (f"{PRODUCTS}add/", "opening_stock"),
        "stock": (f"{PRODUCTS}{product.pk}/adjust_stock/", "quantity"),
        "balance": (f"{USERS}{member.pk}/adjust_balance/", "amount"),
        "coupon": (f"{COUPONS}{coupon.pk}/change/", "total_quantity"),
        "discount": (f"{COUPONS}{coupon.pk}/change/", "discount_value"),
        "new coupon": (f"{COUPONS}add/", "valid_days"),
    }


def typed(browser: Client, address: str, **values: Any) -> tuple[Form, HttpResponse]:
    form = filled(form_on(browser.get(address)), reason="왜", **values)
    if address == PRODUCTS:
        form["_save"] = ["Save"]
    return form, browser.post(address, form)


def told_at(page: HttpResponse, name: str) -> list[str]:
    assert page.status_code == 200
    if "cl" in page.context:
        errors = page.context["cl"].formset.errors[0]
        return list(errors[name.rpartition("-")[2]])
    shown = page.context["adminform"].form if "adminform" in page.context else page.context["form"]
    return list(shown.errors[name])


@pytest.mark.parametrize(
    "place",
    [
        *("list", "product", "new product", "opening stock", "stock", "balance"),
        *("coupon", "discount", "new coupon"),
    ],
)
def test_what_is_no_whole_number_is_refused_everywhere(
    admin_client: Client, pages: dict[str, tuple[str, str]], place: str
) -> None:
    address, name = pages[place]
    opened = form_on(admin_client.get(address))
    for text in NO_NUMBERS:
        sent = filled(opened, reason="왜", _save="Save", **{name: text})
        with nothing_changes():
            page = admin_client.post(address, sent)
        assert told_at(page, name) == [WHOLE], text


@pytest.mark.parametrize(("text", "number"), NUMBERS.items(), ids=repr)
def test_what_is_a_whole_number_is_taken_everywhere(
    admin_client: Client, pages: dict[str, tuple[str, str]], text: str, number: int
) -> None:
    for place in ("list", "product", "stock", "balance", "coupon"):
        address, name = pages[place]
        _form, answer = typed(admin_client, address, **{name: text})
        assert answer.status_code == 302, place
        if place in ("list", "product"):
            assert Product.objects.get().price == number
            Product.objects.update(price=5)
    assert StockAdjustment.objects.latest("pk").quantity == number
    assert WalletTransaction.objects.latest("pk").amount == number
    assert Coupon.objects.get().total_quantity == number


def test_a_sentence_of_a_campaign_takes_numbers_as_its_form_does(
    admin_client: Client, pages: dict[str, tuple[str, str]]
) -> None:
    address = pages["coupon"][0]
    form = form_on(admin_client.get(address))
    told = [
        admin_client.post(f"{COUPONS}sentence/", filled(form, total_quantity=text)).json()
        for text in ("7,000", "7.000")
    ]
    assert "7,000" in told[0]["sentence"]
    assert WHOLE in told[1]["sentence"]


@pytest.mark.parametrize("text", ["1_0", "10.", "0,5", "1e1", "1,000", "1.2.3", ".", "+", "NaN"])
def test_a_percentage_is_digits_and_a_point(
    admin_client: Client, make_product: Callable[..., Product], text: str
) -> None:
    product = make_product(price=1_000)
    sent = {
        "action": "change_price",
        "_selected_action": [product.pk],
        "step": "preview",
        "percent": text,
        "round_to": "1",
        "reason": "왜",
    }
    with nothing_changes():
        page = admin_client.post(PRODUCTS, sent)
    assert told_at(page, "percent") == [DECIMAL]


def _all_below(of: type[Any]) -> Iterator[type[Any]]:
    for one in of.__subclasses__():
        yield one
        yield from _all_below(one)


def _forms_of_staff(request: HttpRequest) -> Iterator[type[Any]]:
    for model, model_admin in admin.site._registry.items():
        if model_admin.has_add_permission(request):
            yield model_admin.get_form(request)
        if model_admin.has_change_permission(request):
            yield model_admin.get_form(request, model(pk=1), change=True)
            if model_admin.list_editable:
                yield model_admin.get_changelist_form(request)
    for form in _all_below(forms.BaseForm):
        app, _dot, module = form.__module__.partition(".")
        if app in OURS and module == "forms" and not issubclass(form, forms.BaseModelForm):
            yield form


def test_no_form_of_staff_has_a_field_that_guesses(rf: RequestFactory, admin_user: User) -> None:
    request = rf.get("/admin/")
    request.user = admin_user
    careful = {
        (form.__name__, name): isinstance(field, WholeNumberField | PlainDecimalField)
        for form in _forms_of_staff(request)
        for name, field in getattr(form, "base_fields", {}).items()
        if isinstance(field, forms.IntegerField)  # of which Django's other numbers are made
    }
    assert len(careful) > len(OURS)
    assert [place for place, is_careful in careful.items() if not is_careful] == []
