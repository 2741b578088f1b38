"""What staff type can be seen: every name, reason and address, and all of it.

The kind: a character that is there without being seen. A text of nothing else is nobody's to
choose; one within a text makes it look like another, or turns it around.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from common.admin.forms import PlainForm, ReasonForm
from conftest import client_of
from coupons.models import Coupon
from coupons.tests.test_asked import TERMS
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.staff import errors_on, filled_in
from events.models import Endpoint
from products.models import Category, Product
from products.tests.importing import upload
from users.models import User

INVISIBLE = ["\u3164", "\u200b", "\u115f \u00ad", "\ufeff\u2060", "\uffa0\ufe0f", "\U000e0041"]
FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "/admin/products/product/add/": (
        Product,
        {"sku": "P-1", "description": "", "category": "", "price": 1_000, "opening_stock": 0},
    ),
    "/admin/products/category/add/": (Category, {"slug": "kitchen"}),
    "/admin/coupons/coupon/add/": (Coupon, TERMS),
}


@pytest.mark.parametrize("name", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("page", FORMS)
def test_a_name_of_which_nothing_is_seen_is_refused(
    admin_client: Client, page: str, name: str
) -> None:
    with nothing_changes():
        answer = admin_client.post(page, {**FORMS[page][1], "name": name})

    assert answer.status_code == 200
    assert list(errors_on(answer)) == ["name"]


@pytest.mark.parametrize("reason", INVISIBLE, ids=ascii)
def test_a_reason_says_something(reason: str) -> None:
    assert list(ReasonForm({"reason": reason}).errors) == ["reason"]


# --- Within a text ------------------------------------------------------------------------------

UNSEEN = [
    *(
        "a\u200bb",
        "a\u202eb",
        "\u2066ab",
        "가\u200d나",
        "가\ufe0f",
        "1\ufe0f",
        "a\u00adb",
        "\ufeffab",
    ),
    *(
        "a\u3164b",
        "a\u2800b",
        "a\u115fb",
        "a\x07b",
        "a\x1b[31mb",
        "a\x7fb",
        "a\x85b",
        "a\nb",
        "a\tb",
    ),
    *(
        "a\u2028b",
        "T\U000e0041b",
        "a\ufff9b",
        "a\u034fb",
        "a\u061cb",
        "가\u200c나",
        "👩\u200d\u200d👩",
    ),
]
SEEN = [
    *(
        "👩‍👩‍👧 가족",
        "👩🏽‍🚀",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "🏳️‍🌈",
        "❤️",
    ),
    *("1️⃣ 첫째", "©️", "辻\U000e0100", "می\u200cخواهم", "শ্রী র\u200d্য", "ශ්\u200dරී"),
    *("שלום 가", "한글 A's (1,000원)", "전각\u3000공백", "e\u0301"),
]
FORMS |= {
    "/admin/events/endpoint/add/": (
        Endpoint,
        {"url": "https://listener.example/", "kinds": ["order.paid"], "is_active": "on"},
    ),
    "/admin/auth/group/add/": (Group, {}),
}


@pytest.mark.parametrize("page", FORMS)
def test_a_name_has_nothing_in_it_that_is_not_seen(admin_client: Client, page: str) -> None:
    for name in UNSEEN:
        with nothing_changes():
            answer = admin_client.post(page, {**FORMS[page][1], "name": name})
        assert list(errors_on(answer)) == ["name"], ascii(name)


@pytest.mark.parametrize("page", FORMS)
def test_what_shapes_the_characters_beside_it_stays(admin_client: Client, page: str) -> None:
    model, values = FORMS[page]
    for number, name in enumerate(SEEN):
        values = {**values, **({"sku": f"S-{number}"} if "sku" in values else {})}
        values = {**values, **({"slug": f"s-{number}"} if "slug" in values else {})}
        answer = admin_client.post(page, {**values, "name": name})
        assert answer.status_code == 302, (ascii(name), errors_on(answer))
        assert model.objects.filter(name=name).exists()


@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "reason"])
def test_what_is_told_of_a_member_neither(admin_client: Client, member: User, field: str) -> None:
    url = f"/admin/users/user/{member.pk}/change/"
    form = filled_in(admin_client.get(url)) | {"first_name": "민지", "reason": "asked"}
    for text in UNSEEN:
        sent = f"x@{text}.com" if field == "email" else text
        with nothing_changes():
            answer = admin_client.post(url, form | {field: sent})
        assert list(errors_on(answer)) == [field], ascii(text)


def test_a_description_has_lines_but_is_not_turned_around(admin_client: Client) -> None:
    page, text = "/admin/products/product/add/", "첫 줄\r\n\t둘째\u00ad줄\u200b끝"
    values = FORMS[page][1] | {"name": "컵"}
    for bad in ("a\u202eb", "a\x00b", "a\x1bb", "\u2067a"):
        with nothing_changes():
            answer = admin_client.post(page, values | {"description": bad})
        assert list(errors_on(answer)) == ["description"]
    assert admin_client.post(page, values | {"description": text}).status_code == 302
    assert Product.objects.get().description == text


def test_what_stands_there_from_before_is_not_judged_anew(
    admin_client: Client, make_product: Any
) -> None:
    product = make_product(name="a\u200bb")
    url = f"/admin/products/product/{product.pk}/change/"
    form = filled_in(admin_client.get(url))
    answer = admin_client.post(url, form | {"price": 7, "reason": "sale"})
    assert answer.status_code == 302, errors_on(answer)
    assert (Product.objects.get().name, Product.objects.get().price) == ("a\u200bb", 7)


def test_a_file_has_no_such_names_either(admin_client: Client) -> None:
    for text in ("a\u200bb", "a\u202eb", "가\u200d나", "a\x07b"):
        page = upload(
            admin_client, f"sku,name,price,description\nA-1,{text},1,x\nA-2,컵,1,x\u202ey\n"
        )
        refused_lines = page.context["result"].refused
        assert [list(errors) for _, errors in refused_lines] == [["name"], ["description"]]


EMAILS = [f"x{text}@example.com" for text in UNSEEN] + [f"x@ex{text}.com" for text in UNSEEN]


def test_no_address_has_what_is_not_seen(api: Any, member: User) -> None:
    client = client_of(member)
    body = {"username": "haneul", "password": "correct horse battery"}
    for email in [*EMAILS, '"a\x01b"@example.com', '"a\x7f"@example.com']:
        with nothing_changes():
            signed_up = api.post("/api/v1/auth/signup/", {**body, "email": email})
            changed = client.patch("/api/v1/users/me/", {"email": email})
        assert {error["attr"] for error in signed_up.json()["errors"]} == {"email"}, ascii(email)
        assert (signed_up.status_code, changed.status_code) == (400, 400)
    with nothing_changes(), pytest.raises(CommandError):
        call_command("createsuperuser", "--noinput", "--username", "x", "--email", EMAILS[0])
    kept = client.patch("/api/v1/users/me/", {"email": "민지@한글.example"})
    assert refusal(kept) == refused(400, "invalid", "email")  # the part before @ is ASCII
    assert client.patch("/api/v1/users/me/", {"email": "minji@한글.example"}).status_code == 200


def test_every_form_in_which_staff_type_a_text_looks_for_it(admin_user: User) -> None:
    forms_with_texts = {form for form in _forms(admin_user) if _has_texts(form)}
    assert len(forms_with_texts) > 10
    assert {form for form in forms_with_texts if not issubclass(form, PlainForm)} == set()


def _forms(user: User) -> Iterator[type[Any]]:
    """Those that the admin makes, and those of our own."""
    request = RequestFactory().get("/")
    request.user = user
    for one in admin.site._registry.values():
        if one.has_add_permission(request):
            yield one.get_form(request, None)
    pending = forms.Form.__subclasses__()
    while pending:
        form = pending.pop()
        pending += form.__subclasses__()
        if (settings.BASE_DIR / form.__module__.split(".")[0]).is_dir():
            yield form


def _has_texts(form: type[Any]) -> bool:
    fields = [one for one in form.base_fields.values() if type(one) is forms.CharField]
    return any(not isinstance(one.widget, forms.PasswordInput) for one in fields)
